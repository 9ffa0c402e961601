"""Sends metrics, events and task executions to Nowline without slowing the application."""

from nowline_client.client import Nowline
from nowline_client.tasks import Execution, Task
from nowline_client.wire import TaskRun

__version__ = "0.1.0"
__all__ = ["Execution", "Nowline", "Task", "TaskRun", "__version__"]
