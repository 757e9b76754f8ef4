"""The command line of the controller, with Keptn's verbs: ``python -m examples.controller.cli``.

Shows how little a command line needs when the controller decides and explains: it speaks HTTP,
knows no rule, and prints what it is told. Leaves out a login and a configuration file.

`answers` has the exit statuses, `client` the requests, `text` and `printing` what may reach a
terminal, `session` what a verb works with. `commands` is the tree of the verbs in `verbs_*`;
`stream`, `story` and `watching` are behind ``--watch``, `finding` looks up a context and
`completing` a name.
"""
