from hypothesis import settings

# the machine's load must not decide whether a test passes
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
