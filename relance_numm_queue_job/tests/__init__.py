from . import test_hand_over
from . import test_runner
