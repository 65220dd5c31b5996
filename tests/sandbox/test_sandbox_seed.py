from dataclasses import replace
from pathlib import Path

import pytest

from batch.sandbox.faults import parse_fault
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.state import Lead
from batch.sandbox.world import make_world
from tests.support.sandbox_client import client_of

A, B, C = "a" * 24, "b" * 24, "c" * 24


def seeded(folder: Path, text: str, options: Options | None = None) -> Options:
    path = folder / "leads.csv"
    path.write_text(text, encoding="utf-8")
    return replace(options or Options(), seed_csv=path)


def leads_of(options: Options) -> list[Lead]:
    campaigns = make_world(options).first.campaigns.values()
    return [lead for campaign in campaigns for lead in campaign.leads.values()]


def test_a_file_with_the_two_ids_alone_makes_active_leads_without_a_tag(tmp_path: Path) -> None:
    options = seeded(tmp_path, f"campaignId,campaignLeadId\n{A},{B}\n{A},{C}\n")
    assert leads_of(options) == [Lead(id=B, campaign_id=A), Lead(id=C, campaign_id=A)]


def test_every_column_that_it_knows_is_read_and_others_are_left(tmp_path: Path) -> None:
    options = seeded(
        tmp_path,
        "\ufeffnote,campaignLeadId,campaignId,aiTag,status,email,firstName,lastName,companyName,"
        'currentSequenceStep,fault\n"a,b",'
        f'{B},{A}, Warm ,Replied,ada@example.com,Ada,Lovelace,Acme,4,"slow=1,times=2"\n',
    )
    assert leads_of(options) == [
        Lead(
            id=B,
            campaign_id=A,
            status="replied",
            ai_tag="Warm",
            email="ada@example.com",
            first_name="Ada",
            last_name="Lovelace",
            company_name="Acme",
            step=4,
            fault=parse_fault("slow=1,times=2"),
        )
    ]


def test_a_campaign_has_the_name_that_its_first_lead_gives_it_or_a_made_up_one(
    tmp_path: Path,
) -> None:
    rows = [f"{A},{B},Spring sale", f"{A},{C},Other", f"{C},{B},"]
    text = "campaignId,campaignLeadId,campaignName\n" + "\n".join(rows)
    campaigns = make_world(seeded(tmp_path, text)).first.campaigns
    assert [campaign.name for campaign in campaigns.values()] == ["Spring sale", "Campaign 2"]


def test_the_tags_of_leads_are_labels_too_once_each_whatever_their_case(tmp_path: Path) -> None:
    rows = [f"{A},{B},Cold", f"{A},{C},interested", f"{B},{C},null"]
    text = "campaignId,campaignLeadId,aiTag\n" + "\n".join(rows)
    options = seeded(tmp_path, text, Options(labels=("Interested",)))
    assert [*make_world(options).first.labels] == ["Interested", "Cold"]
    assert [lead.ai_tag for lead in leads_of(options)] == ["Cold", "Interested", None]


def test_a_lead_whose_tag_has_a_rule_is_in_its_subsequence_from_the_start(tmp_path: Path) -> None:
    text = f"campaignId,campaignLeadId,aiTag\n{A},{B},interested\n"
    options = seeded(tmp_path, text, Options(subsequences=("Interested=Warm leads",)))
    assert [lead.subsequence for lead in leads_of(options)] == ["Warm leads"]


def test_labels_are_read_from_a_file_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("Überfällig\n\nNot now,\u2028later\n", encoding="utf-8")
    labels = make_world(Options(labels_file=path)).first.labels
    assert [*labels] == ["Überfällig", "Not now,\u2028later"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "campaignId,lead\n",
            (
                "{path}: found no column campaignLeadId; expected a CSV file with a header that "
                "has campaignId and campaignLeadId."
            ),
        ),
        (
            "",
            (
                "{path}: found no column campaignId or campaignLeadId; expected a CSV file with a "
                "header that has campaignId and campaignLeadId."
            ),
        ),
        (
            f"campaignId,campaignLeadId\n{A},{B}\n{A},X\n",
            '{path} line 3, column campaignLeadId: found "X"; expected [0-9a-f]{{24}}.',
        ),
        (
            f"campaignId,campaignLeadId,status\n{A},{B},gone\n",
            (
                '{path} line 2, column status: found "gone"; expected pending, active, paused, '
                "completed, bounced, unsubscribed, replied, removed."
            ),
        ),
        (
            f"campaignId,campaignLeadId,currentSequenceStep\n{A},{B},two\n",
            '{path} line 2, column currentSequenceStep: found "two"; expected a whole number.',
        ),
        (
            f"campaignId,campaignLeadId,fault\n{A},{B},slow\n",
            'fault "slow": found "slow"; expected slow=\\d+(?:\\.\\d+)?.',
        ),
    ],
)
def test_a_seed_that_can_t_be_used_names_file_line_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    options = seeded(tmp_path, text)
    with pytest.raises(SandboxError) as caught:
        make_world(options)
    assert str(caught.value) == message.format(path=options.seed_csv)


@pytest.mark.parametrize(
    ("options", "kind"),
    [(Options(seed_csv=Path("none")), "CSV"), (Options(labels_file=Path("none")), "text")],
)
def test_a_file_that_is_not_there_is_named(options: Options, kind: str) -> None:
    with pytest.raises(SandboxError) as caught:
        make_world(options)
    assert str(caught.value) == (
        f"none can't be read as {kind} in UTF-8: [Errno 2] No such file or directory: 'none'."
    )


@pytest.mark.anyio
async def test_a_lead_meets_the_fault_of_its_own_row_as_often_as_that_says(tmp_path: Path) -> None:
    text = f'campaignId,campaignLeadId,fault\n{A},{B},"status=503,times=2"\n{A},{C},\n'
    async with client_of(seeded(tmp_path, text)) as client:
        codes = [
            (
                await client.patch(f"/v1/campaigns/{A}/leads/{one}", json={"status": "paused"})
            ).status_code
            for one in (B, C, B, C, B)
        ]
    assert codes == [503, 200, 503, 200, 200]


def test_made_up_leads_are_the_same_at_every_start_and_no_id_comes_twice() -> None:
    options = Options(campaigns=2, leads=3)
    leads = leads_of(options)
    assert leads == leads_of(options)
    assert len({lead.id for lead in leads} | {lead.campaign_id for lead in leads}) == 6 + 2
