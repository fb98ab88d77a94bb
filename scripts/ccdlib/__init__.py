"""CCD reduction: the steps, the masters and the plan behind the pipeline's scripts."""
