from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support import build_band
from tests.testapp.models import Band, Label

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def page(chromium):
    """A page with JavaScript off."""
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def scripted_page(chromium):
    """A page with JavaScript on, which the accessibility checker needs."""
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def save(page):
    """Press the button and wait for the page that answers: a click alone returns while the old one is going."""
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()


def fill(page, **values):
    for name, value in values.items():
        page.locator(f'[name="{name.replace("_", "-")}"]').fill(value)


def test_a_cluster_of_three_levels_is_filled_corrected_and_saved_without_scripts(site, page):
    Label.objects.create(name="Harvest")
    page.goto(f"{site}/new/")
    fill(page, name="Blur", members_0_name="Damon", albums_0_title="Leisure", albums_0_songs_0_title="Bang")
    fill(page, members_0_born="yesterday", albums_0_songs_0_track="-1")
    save(page)

    assert page.title() == "A band"
    assert Band.objects.count() == 0
    born = page.get_by_role("group", name="Member 1").get_by_label("Born")
    assert "Enter a valid date." in page.locator(f"#{born.get_attribute('aria-describedby')}").inner_text()
    assert born.get_attribute("aria-invalid") == "true"
    assert page.locator('[name="albums-0-title"]').input_value() == "Leisure"

    fill(page, members_0_born="1968-03-23", albums_0_songs_0_track="3")
    page.locator('[name="albums-0-label"]').select_option(label="Harvest")
    save(page)

    assert page.get_by_role("heading").inner_text() == "Saved"
    band = Band.objects.get()
    assert (band.name, [member.name for member in band.members.all()]) == ("Blur", ["Damon"])
    album = band.albums.get()
    assert (album.title, album.label.name, [song.title for song in album.songs.all()]) == (
        "Leisure",
        "Harvest",
        ["Bang"],
    )


def test_a_saved_cluster_is_edited_without_scripts(site, page):
    build_band(members=2, albums=2, songs=2).save()
    band = Band.objects.get()
    page.goto(f"{site}/{band.pk}/")
    fill(page, albums_1_songs_0_title="Renamed", members_2_name="New")
    page.locator('[name="members-0-DELETE"]').check()
    page.locator('[name="albums-0-DELETE"]').check()
    save(page)

    assert page.get_by_role("heading").inner_text() == "Saved"
    assert sorted(member.name for member in band.members.all()) == ["New", "member 1"]
    album = band.albums.get()
    assert [song.title for song in album.songs.order_by("pk")] == ["Renamed", "song 1.2"]


@pytest.mark.parametrize("layout", ["div", "p", "ul", "table"])
def test_the_page_is_accessible_as_it_is_first_shown_and_with_errors(site, scripted_page, layout):
    build_band(members=1, albums=1, songs=1).save()
    scripted_page.goto(f"{site}/{Band.objects.get().pk}/?layout={layout}")

    first = Axe().run(scripted_page)
    fill(scripted_page, name="", members_0_name="", albums_0_songs_0_track="-5", members_1_born="x")
    save(scripted_page)
    second = Axe().run(scripted_page)

    assert scripted_page.locator(".errorlist").count() > 0
    assert first.violations_count == 0, first.generate_report()
    assert second.violations_count == 0, second.generate_report()
