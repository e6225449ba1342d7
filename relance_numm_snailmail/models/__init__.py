from . import relance_channel
from . import relance_post_provider_snailmail
