"""`python -m unweave` is the same as `unweave`."""

from unweave.cli.app import main

raise SystemExit(main())
