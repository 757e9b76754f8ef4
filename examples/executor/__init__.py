"""An executor for tasks of one name: ``python -m examples.executor deployment``.

Shows the whole life of an executor that speaks HTTP: it reads which tasks are open, says that it
has started, works, says how far it is and how it ended, and survives its own end, the controller's,
and lost answers.
It can also misbehave on purpose. Leaves out any work: it only takes its time.

`behaviour` says what it does and makes its reports, `api` talks to the controller, `executor` works
on the tasks that are open.
"""
