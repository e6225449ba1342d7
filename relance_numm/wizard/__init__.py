from . import relance_automatic_start
from . import relance_import
from . import relance_import_line
from . import relance_plan_new
from . import relance_prepare
from . import relance_prepare_line
from . import relance_template_preview
