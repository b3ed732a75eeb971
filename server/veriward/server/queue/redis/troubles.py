"""What Redis may do to us.

RedisTrouble
├── Unreachable   no answer: refused, timed out, cut off, loading, failing over; tried again
├── Full          it takes no more writes (`maxmemory`); tried again
├── NoGroup       a stream or its group is gone: Redis lost what it held
└── Unusable      it answers, and won't do: password, version, rights, keys of another version
"""


class RedisTrouble(Exception):
    """A command did not do what it should; the message says where, what, and what to do."""


class Unreachable(RedisTrouble):
    pass


class Full(RedisTrouble):
    pass


class NoGroup(RedisTrouble):
    pass


class Unusable(RedisTrouble):
    pass
