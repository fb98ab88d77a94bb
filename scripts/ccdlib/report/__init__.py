"""The report: what each job left for it, as pages of HTML."""
