"""SendKit's API served over real HTTP, for the demo and the tests: a strict, faithful fake.

It imports nothing else of `batch`, so that client and fake can't share a misunderstanding.
"""
