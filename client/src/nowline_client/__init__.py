"""Sends metrics, events and task executions to Nowline without slowing the application."""

from nowline_client.asgi import NowlineASGI
from nowline_client.client import Nowline
from nowline_client.tasks import Execution, Task
from nowline_client.wire import TaskRun
from nowline_client.wsgi import NowlineWSGI

__version__ = "0.1.0"
__all__ = ["Execution", "Nowline", "NowlineASGI", "NowlineWSGI", "Task", "TaskRun", "__version__"]
