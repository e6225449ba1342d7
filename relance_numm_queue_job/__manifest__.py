{
    "name": "Customer Reminders by Job Queue",
    "summary": "Several machines share the work of customer reminders",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "relance_numm contributors",
    "license": "LGPL-3",
    "depends": ["relance_numm", "queue_job"],
    "data": ["data/queue_job_data.xml"],
    "auto_install": True,
}
