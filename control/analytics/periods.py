"""Calendar periods of the dashboards in UTC, from their first day to today."""

from datetime import date, timedelta
from typing import Literal

Period = Literal["day", "week", "month", "quarter", "year"]


def first_day(period: Period, today: date) -> date:
    """The first day of the period that contains today. Weeks begin on Monday."""
    match period:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "quarter":
            return today.replace(month=3 * ((today.month - 1) // 3) + 1, day=1)
        case "year":
            return today.replace(month=1, day=1)
