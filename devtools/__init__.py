"""The commands behind `./dev`.

Everything here runs on the machine's own Python with nothing but the standard library,
save what says otherwise (`mailcatcher` and the scripts, which run in the project's
virtual environment). All that is made lies in `.dev/`, all that is downloaded in the
user's cache folder.
"""
