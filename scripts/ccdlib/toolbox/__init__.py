"""The steps for CCDData and arrays in a notebook, under the names of ccdproc."""
