"""Money movement through the SDK: evidence from a file, and a payout to its end."""

from __future__ import annotations

from sandbox.money.kit import DISPUTED
from sandbox.rig import Api, payment

from wooshpay import AsyncWooshPay
from wooshpay.sandbox import Sandbox


async def test_a_dispute_is_won_with_a_file(sandbox: Sandbox, api: Api) -> None:
    intent = await api.make("/v1/payment_intents", payment(DISPUTED))
    sandbox.clock.advance(hours=1)
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url, strict=True) as client:
        page = await client.disputes.list(payment_intent=intent["id"])
        (dispute,) = page.data
        content = b"%PDF-" + bytes(range(256)) * 2000
        file = await client.files.create(file=content, purpose="dispute_evidence", filename="receipt.pdf")
        assert (file.size, file.type, file.filename) == (len(content), "pdf", "receipt.pdf")
        assert file.created_at == (await client.files.retrieve(file.id)).created_at
        # One counts milliseconds and the other seconds, and both are read as the same moment.
        assert dispute.created_at is not None
        assert file.created_at is not None
        assert abs((dispute.created_at - file.created_at).total_seconds()) < 60
        assert file.url is not None
        async with api.session.get(file.url, headers={"Authorization": api.authorization}) as response:
            assert await response.read() == content
        answered = await client.disputes.update(
            dispute.id, evidence={"receipt": file.id, "uncategorized_text": "winning_evidence"}
        )
        assert (answered.status, answered.evidence.receipt_id) == ("under_review", file.id)
        sandbox.clock.advance(hours=1)
        assert (await client.disputes.retrieve(dispute.id)).status == "won"
        assert [funds.amount for funds in (await client.balance.retrieve()).available] == [2000]


async def test_a_payout_arrives(sandbox: Sandbox, api: Api) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url, strict=True) as client:
        await api.make("/sandbox/acts/balance.top_up", {"amount": 200_000, "currency": "USD"})
        alipay = await client.beneficiaries.create(
            destination_data={
                "destination_type": "alipay",
                "alipay": {"user_id": "+86123456789", "first_name": "Wei"},
            }
        )
        payout = await client.payouts.create(
            source_amount=100_000, source_currency="USD", payment_currency="CNY", beneficiary=alipay.id
        )
        assert (payout.payment_amount, payout.beneficiary_id) == (714_286, alipay.id)
        sandbox.clock.advance(days=1)
        assert [each.id async for each in client.payouts.list(status="paid")] == [payout.id]
