import sys

from kms_failover_command.main import main

sys.exit(main())
