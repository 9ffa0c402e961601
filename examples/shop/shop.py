"""A small shop: products, customers who sign in, and orders whose receipts are sent afterwards."""

from __future__ import annotations

import os
import time
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel

from nowline_client import Nowline, NowlineASGI

nl = Nowline(os.environ["SHOP_NOWLINE_URL"], os.environ["SHOP_NOWLINE_KEY"])
app = FastAPI(title="Shop")
app.add_middleware(NowlineASGI, client=nl, user=lambda scope: scope.get("shop.user"))

PRICES = {"espresso": 2.50, "cornetto": 1.80, "panino": 6.00}
stock = dict.fromkeys(PRICES, 100)


class Order(BaseModel):
    """What a customer wants."""

    product: str
    pieces: int = 1


@app.post("/login")
def login(name: str) -> dict[str, str]:
    """Sign in; a real shop would ask for a password."""
    nl.login(name)
    return {"token": name}


@app.get("/products")
def products(search: str = "") -> dict[str, float]:
    """What there is."""
    if search:
        nl.track("search", details=search)
    return {name: price for name, price in PRICES.items() if search in name}


@app.post("/orders", status_code=201)
def order(
    order: Order, request: Request, later: BackgroundTasks, token: Annotated[str, Header()]
) -> dict[str, float]:
    """Buy something."""
    request.scope["shop.user"] = token
    if stock.get(order.product, 0) < order.pieces:
        nl.count("orders.refused", product=order.product if order.product in PRICES else None)
        raise HTTPException(409, "There is not enough of it.")
    stock[order.product] -= order.pieces
    total = PRICES[order.product] * order.pieces
    nl.count("orders", product=order.product)
    nl.observe("order.value", total)
    nl.gauge("stock", stock[order.product], product=order.product)
    later.add_task(send_receipt, token, total)
    return {"total": total}


@nl.task("receipt")
def send_receipt(customer: str, total: float) -> None:
    """Send a mail; a real shop would have a mail server."""
    time.sleep(0.01)
    print(f"To {customer}: {total:.2f} EUR")  # noqa: T201
