"""The page in a real browser, on a real daemon: what is seen in each state, by whom, and with which means."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from rhi.daemon.control import application
from rhi.daemon.decision.spec import Group, Quota
from rhi.daemon.drains.machine import Pace
from rhi.health.base import Result
from rhi.health.context import Context
from rhi.testing.collector import Collector
from tests.daemon.control.browser import TOKEN, Browser, Home, at_home
from tests.daemon.control.house import SwitchCheck, make_setup, with_peer
from tests.daemon.decision.build import address, service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# Text that would do something if it were more than text.
HOSTILE = "<img src=x onerror=hit()><script>hit()</script>\"'&lt;b&gt;"

# Every text that is seen whose contrast to what is behind it is too small (WCAG 2.2, 1.4.3).
TOO_FAINT = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (rgb) => {
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = rgb.map((v) => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const found = parse(getComputedStyle(node).backgroundColor);
    if (found.length < 4 || found[3] === 1) return found.slice(0, 3);
  }
  return [255, 255, 255];
};
const faint = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
  if (node.closest("script, :disabled")) continue;
  seen += 1;
  const ink = light(parse(getComputedStyle(node).color).slice(0, 3)), paper = light(ground(node));
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  if (ratio < 4.5) faint.push(`${walker.currentNode.data}: ${ratio.toFixed(2)}`);
}
return [seen, faint];
"""


class HostileCheck(SwitchCheck):
    """Asks a server that answers with markup."""

    type: Literal["hostile"] = "hostile"  # type: ignore[assignment]

    async def probe(self, context: Context) -> Result:
        return Result(False, HOSTILE)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Three services, a guard, and a peer that accepts everything."""
    setup = make_setup(
        service("dns", address(1), "2001:db8::1", checks=("dns/tcp", "dns/query")),
        service("ntp", address(4), checks=("ntp/udp",)),
        service("web", address(2), address(3), checks=("web/http",)),
        groups=(Group(name="default", floor=Quota(count=2), max_withdrawals=4),),
    )
    with Collector() as collector:
        peer = {"port": collector.port, "next_hop_4": "192.0.2.1", "next_hop_6": "2001:db8::ffff"}
        with at_home(tmp_path, with_peer(setup, collector.host, multiprotocol=True, **peer)) as found:
            yield found


def rows(browser: Browser, section: str) -> list[str]:
    """What the rows of a table show, as one line each."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll(arguments[0])].map((row) => row.innerText)",
        f"#{section} tbody tr",
    )
    return [" ".join(row.split()) for row in found]


def row(browser: Browser, section: str, name: str) -> str:
    return next((row for row in rows(browser, section) if row.startswith(name)), "")


def too_wide(browser: Browser) -> list[int]:
    """Widths at which the page has to be moved sideways; it is as wide as a phone afterwards."""
    found = []
    for width in (320, 800, 1280, 1600, 360):
        browser.size(width, 740)
        if browser.run("return document.documentElement.scrollWidth") > width:
            found.append(width)
    return found


def press(browser: Browser, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


def steps(browser: Browser) -> list[str]:
    """Those of a drain; the one it is at has a star."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('#drains .steps li')]"
        ".map((step) => (step.getAttribute('aria-current') ? '*' : '') + step.textContent)"
    )
    return found


def said(browser: Browser, region: str) -> str:
    """What a screen reader says by itself, seen or not."""
    text: str = browser.run("return document.getElementById(arguments[0]).textContent", region)
    return text


def focused(browser: Browser) -> str:
    name: str = browser.run("const at = document.activeElement; return at.ariaLabel || at.id || at.innerText")
    return name


def test_page_of_a_healthy_daemon_shows_everything_and_asks_nobody_else(browser: Browser, home: Home) -> None:
    browser.open(home.port)
    browser.until(lambda: "healthy" in row(browser, "services", "web"))
    browser.until(lambda: "established" in row(browser, "peers", "127.0.0.1"))

    browser.shows("#summary", "5 of 5 announced")
    browser.shows("#guards", "default: floor 2, at most 4 withdrawals at a time")
    browser.until(lambda: "up" in row(browser, "checks", "dns/tcp"))
    browser.until(lambda: "passed: connected" in row(browser, "checks", "dns/tcp"))
    browser.shows("#timeline", "every service is decided")
    assert browser.text("#alarms") == ""
    browser.picture("healthy")
    asked = browser.addresses()
    assert len(asked) > 10
    assert {address.split("/")[2] for address in asked} == {f"127.0.0.1:{home.port}"}
    assert not [address for address in asked if TOKEN in address]
    assert browser.complaints() == []


def test_page_follows_a_failure_and_a_recovery_without_being_loaded_again(
    browser: Browser, home: Home
) -> None:
    browser.open(home.port)
    browser.run("window.same = true")

    SwitchCheck.on["web/http"] = False
    browser.until(lambda: "unhealthy" in row(browser, "services", "web"))

    assert "0 of 2" in row(browser, "services", "web")
    assert rows(browser, "services")[0].startswith("web")  # trouble comes first
    browser.until(lambda: "failed: refused" in row(browser, "checks", "web/http"))
    browser.shows("#timeline", "203.0.113.2 withdrawn")
    browser.picture("failing")
    SwitchCheck.on["web/http"] = True
    browser.until(lambda: "2 of 2" in row(browser, "services", "web"))
    assert browser.run("return window.same") is True
    assert browser.complaints() == []


def test_page_of_a_tripped_guard_says_what_is_kept_and_why(browser: Browser, home: Home) -> None:
    browser.open(home.port)
    browser.shows("#summary", "5 of 5 announced")

    for name in ("dns/tcp", "ntp/udp", "web/http"):
        SwitchCheck.on[name] = False
    # what is kept, and why, is settled when the last of them has failed
    browser.shows("#summary", "3 unhealthy")
    browser.shows("#guards", "tripped")

    kept = home.do(
        lambda house: sorted(
            {each.because for each in house.daemon.controller.reconciler.addresses.values() if each.kept_by}
        )
    )
    browser.shows("#guards", f"keeps 2 routes announced ({', '.join(kept)})")
    browser.shows("#alarms", "guard default")
    browser.shows("#summary", "2 kept by a guard")
    assert browser.driver.title.startswith("✕ 1 alarm")
    assert said(browser, "alarm-said").startswith("Alarm: guard default: floor: ")
    browser.picture("tripped")
    SwitchCheck.on.update(dict.fromkeys(SwitchCheck.on, True))
    browser.until(lambda: browser.text("#alarms") == "")
    assert (said(browser, "alarm-said"), said(browser, "said")) == ("", "Over: guard default.")


def test_page_drains_and_undrains_by_keyboard_alone(browser: Browser, home: Home) -> None:
    browser.open(home.port)
    browser.until(lambda: "healthy" in row(browser, "services", "ntp"))
    for _ in range(40):
        press(browser, Keys.TAB)
        if focused(browser) == "Drain ntp":
            break
    assert browser.run("return document.activeElement.matches(':focus-visible')")

    press(browser, Keys.ENTER)
    browser.until(lambda: focused(browser) == "drain-why")
    browser.picture("dialog")
    press(browser, "kernel update", Keys.TAB, "ann", Keys.TAB, Keys.TAB, "10m", Keys.ENTER)

    browser.until(lambda: "drain: waiting" in row(browser, "services", "ntp"))
    browser.shows("#drains", "ntp kernel update, by ann")
    browser.until(lambda: said(browser, "said") in ("ntp is being drained.", "ntp: drain: waiting."))
    drain = home.do(lambda house: house.daemon.controller.drains.all[0])
    assert (str(drain.target), drain.reason, drain.by) == ("service/ntp", "kernel update", "ann")
    assert (drain.pace.wait, drain.until) == (600.0, drain.at + 1800)
    assert steps(browser) == ["marked", "*waiting", "withdrawing", "acknowledging", "aging", "done"]
    browser.picture("draining")
    assert focused(browser) == "Undrain ntp"  # where it was
    press(browser, Keys.ENTER)
    browser.until(lambda: browser.run("return document.querySelector('#undrain-dialog').open"))
    press(browser, Keys.ENTER)
    browser.until(lambda: browser.text("#drains") == "")
    assert home.do(lambda house: house.daemon.controller.overrides) == {}
    assert browser.complaints() == []


def test_page_drains_a_peer_and_everything_step_by_step(browser: Browser, home: Home) -> None:
    browser.open(home.port)
    browser.until(lambda: "established" in row(browser, "peers", "127.0.0.1"))
    browser.shows("#summary", "5 of 5 announced")
    # each step is there for as long as this looks at it
    home.do(lambda house: setattr(house.daemon.controller, "pace", Pace(age=600.0)))

    browser.find("#peers [aria-label='Drain peer 127.0.0.1']").click()
    press(browser, "new line card")
    browser.find("#drain-wait").send_keys("0s")
    browser.find("#drain-close").click()
    browser.find("#drain-message").send_keys("back at noon", Keys.ENTER)
    browser.until(lambda: "drain: aging" in row(browser, "peers", "127.0.0.1"))
    assert steps(browser) == ["withdrawing", "acknowledging", "*aging", "done"]
    browser.picture("draining-peer")
    browser.find("#peers [aria-label='Undrain peer 127.0.0.1']").click()
    press(browser, Keys.ENTER)
    browser.until(lambda: browser.text("#drains") == "")
    browser.find("#drain-all").click()
    browser.shows("#drain-what", "5 routes now")
    assert not browser.find("#drain-close").is_displayed()
    press(browser, "power", Keys.ENTER)
    browser.shows("#drains", "everything power")

    drain = home.do(lambda house: house.daemon.controller.drains.all[0])
    assert (str(drain.target), drain.closes) == ("all", False)
    assert browser.find("#drain-all").text == "Undrain everything"
    assert browser.complaints() == []


def test_page_drain_that_is_cancelled_or_refused_changes_nothing(browser: Browser, home: Home) -> None:
    browser.open(home.port)
    browser.until(lambda: "healthy" in row(browser, "services", "ntp"))
    browser.find("#services [aria-label='Drain ntp']").click()
    press(browser, Keys.ESCAPE)
    browser.until(lambda: not browser.run("return document.querySelector('#drain-dialog').open"))

    browser.find("#services [aria-label='Drain ntp']").click()
    browser.run("document.querySelector('#drain-for').value = 'soon'")
    press(browser, "a reason", Keys.ENTER)
    browser.shows("#drain-error", "Not done: lasts: 'soon': must be a duration")
    press(browser, Keys.ESCAPE)

    assert home.do(lambda house: house.daemon.controller.drains.all) == []


def test_page_asks_for_the_token_until_it_is_right_and_forgets_it(browser: Browser, home: Home) -> None:
    browser.open(home.port, token=None)
    browser.until(lambda: focused(browser) == "token")
    browser.picture("token")
    assert not browser.find("#data").is_displayed()
    assert not [address for address in browser.addresses() if "/v1/" in address]

    browser.find("#token").send_keys("wrong \u00e9\u4e2d\n")
    browser.shows("#token-error", "This is not the token.")
    assert not browser.find("#data").is_displayed()
    assert all("401 (Unauthorized)" in line for line in browser.complaints())
    browser.find("#token").send_keys(f"{TOKEN}\n")
    browser.until(lambda: browser.text("#link") == "live")
    browser.driver.refresh()
    browser.until(lambda: browser.text("#link") == "live")
    assert browser.complaints() == []
    browser.find("#forget").click()
    browser.until(lambda: focused(browser) == "token")
    assert browser.run("return sessionStorage.getItem('rhi-token')") is None


def refused_reloads(home: Home) -> int:
    found: int = home.do(lambda house: house.control.requests["reload", 403])
    return found


def has_refused_more(home: Home, before: int) -> bool:
    return refused_reloads(home) > before


def test_page_over_a_forwarded_socket_needs_no_token_and_obeys_no_other_site(
    browser: Browser, home: Home
) -> None:
    port = home.forward()
    browser.open(port, token=None)
    browser.until(lambda: "healthy" in row(browser, "services", "ntp"))
    assert not browser.find("#door").is_displayed()
    assert not browser.find("#forget").is_displayed()

    browser.find("#services [aria-label='Drain ntp']").click()
    press(browser, "a reason", Keys.ENTER)
    browser.shows("#drains", "ntp a reason")
    for attempt in (
        "fetch(arguments[0], {method: 'POST', mode: 'no-cors', body: '{\"consent\": true}'})",
        "Object.assign(document.body.appendChild(document.createElement('form')),"
        " {method: 'post', enctype: 'text/plain', action: arguments[0]}).requestSubmit()",
    ):
        before = refused_reloads(home)
        # another port is another origin; an answer of the API has no policy that would hold this page back
        browser.driver.get(f"http://127.0.0.1:{home.port}/v1/status")
        browser.run(attempt, f"http://127.0.0.1:{port}/v1/reload")
        # who leaves a page takes back what has yet to be sent
        browser.until(partial(has_refused_more, home, before))

    assert refused_reloads(home) == 2
    assert home.do(lambda house: house.daemon.reloads["applied"]) == 0


def test_page_without_a_place_at_the_events_asks_now_and_then(
    browser: Browser, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "MAX_STREAMS", 0)
    browser.open(home.port, token=None)
    browser.find("#token").send_keys(f"{TOKEN}\n")
    browser.shows("#link", "asks every 5 s")

    SwitchCheck.on["web/http"] = False

    browser.until(lambda: "unhealthy" in row(browser, "services", "web"))
    browser.shows("#timeline", "203.0.113.2 withdrawn")
    assert not browser.find("#stale").is_displayed()


def test_page_shows_the_text_of_strangers_as_text(browser: Browser, tmp_path: Path) -> None:
    name = f"{HOSTILE}/x"
    setup = make_setup(service(HOSTILE, address(1), checks=(name,)), checks={name: HostileCheck(switch="x")})
    with at_home(tmp_path, setup) as home:
        browser.open(home.port)
        browser.run("window.hits = 0; window.hit = () => { window.hits += 1; }")
        browser.until(lambda: "unhealthy" in row(browser, "services", HOSTILE))
        browser.until(lambda: f"failed: {HOSTILE}" in row(browser, "checks", name))
        browser.find("#services tbody button").click()
        browser.shows("#drain-title", f"Drain {HOSTILE}")
        press(browser, HOSTILE, Keys.ENTER)
        browser.shows("#drains", HOSTILE)
        browser.shows("#timeline", HOSTILE)
        home.do(lambda house: house.daemon.alarms.set(HOSTILE, HOSTILE))
        browser.shows("#alarms", HOSTILE)

        assert browser.run("return document.querySelectorAll('main img, main script, main b').length") == 0
        assert browser.run("return window.hits") == 0
        assert browser.complaints() == []


def test_page_says_that_the_daemon_is_gone_and_comes_back_with_it(browser: Browser, tmp_path: Path) -> None:
    setup = make_setup(service("dns", address(1)))
    with at_home(tmp_path, setup) as home:
        browser.open(home.port)
        browser.until(lambda: "healthy" in row(browser, "services", "dns"))

        home.close()
        browser.shows("#link", "daemon does not answer")
        browser.shows("#stale", "may be wrong")
        assert browser.driver.title.startswith("?")
        browser.picture("gone")
        after = make_setup(service("dns", address(1)), service("new", address(2)))
        with at_home(tmp_path, after, port=home.port):
            browser.until(lambda: "healthy" in row(browser, "services", "new"))
            browser.until(lambda: browser.text("#link") == "live")
            browser.until(lambda: not browser.find("#stale").is_displayed())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_can_be_read_and_is_no_wider_than_a_phone(browser: Browser, home: Home, scheme: str) -> None:
    browser.open(home.port, token=None)
    browser.media(prefers_color_scheme=scheme)
    browser.size(360, 740)
    assert browser.run(TOO_FAINT)[1] == []
    browser.find("#token").send_keys(f"{TOKEN}\n")
    SwitchCheck.on.update({"dns/tcp": False, "web/http": False, "ntp/udp": False})
    browser.shows("#guards", "tripped")
    browser.run("document.querySelector('#services [aria-label=\"Drain ntp\"]').click()")

    assert too_wide(browser) == []
    seen, faint = browser.run(TOO_FAINT)

    assert seen > 60
    assert faint == []
    browser.picture(f"dialog-phone-{scheme}")
    press(browser, "a reason", Keys.ENTER)
    browser.until(lambda: "drain: " in row(browser, "services", "ntp"))
    assert too_wide(browser) == []
    assert browser.run(TOO_FAINT)[1] == []
    browser.picture(f"tripped-phone-{scheme}")
    browser.size(1280, 900)
    browser.picture(f"tripped-{scheme}")


def test_page_has_names_for_all_that_a_screen_reader_tells(browser: Browser, home: Home) -> None:
    browser.open(home.port)
    browser.until(lambda: "healthy" in row(browser, "services", "web"))
    SwitchCheck.on.update({"dns/tcp": False, "web/http": False, "ntp/udp": False})
    browser.shows("#alarms", "guard default")
    found = set()

    for width in (1280, 360):  # on a phone the tables are none for the eye
        browser.size(width, 740)
        told = browser.accessible()
        found = set(told)
        assert {("button", "Drain dns"), ("button", "Drain ntp"), ("combobox", "Show")} <= found
        assert ("table", "Services, those with trouble first") in found
        assert {("columnheader", "Level"), ("rowheader", "dns")} <= found
        assert {"main", "banner", "contentinfo"} <= {role for role, _ in found}
        headings = ["Alarms", "In short", "Orders", "Guards", "Services", "Checks", "Peers", "Timeline"]
        assert [name for role, name in told if role == "heading"][1:] == headings
        named = {
            "button",
            "link",
            "textbox",
            "searchbox",
            "checkbox",
            "combobox",
            "table",
            "region",
            "dialog",
        }
        assert [role for role, name in told if role in named and not name] == []

    browser.find("#services [aria-label='Drain dns']").click()
    browser.until(lambda: focused(browser) == "drain-why")
    told = browser.accessible()
    assert ("dialog", "Drain dns") in told
    assert [name for role, name in told if role == "textbox"] == [
        "Why",
        "Who",
        "For how long",
        "Withdraw after",
    ]
    press(browser, Keys.ESCAPE)
    live = (
        "return [...document.querySelectorAll('[aria-live], [role=status], [role=alert]')].map((n) => n.id)"
    )
    assert {"alarm-said", "link", "said", "stale"} <= set(browser.run(live))
    browser.size(1280, 900)


def test_page_with_a_thousand_services_draws_a_page_of_them_and_finds_each(
    browser: Browser, tmp_path: Path
) -> None:
    setup = make_setup(
        *(service(f"s{n:04}", f"198.18.{n // 250}.{n % 250}", checks=(f"c{n % 10}",)) for n in range(1000))
    )
    with at_home(tmp_path, setup) as home:
        browser.open(home.port)
        browser.shows("#services", "1–25 of 1,000")
        browser.until(lambda: "healthy" in row(browser, "services", "s0000"))
        assert len(rows(browser, "services")) == 25

        browser.find("[aria-label='services after these']").click()
        assert rows(browser, "services")[0].startswith("s0025")
        browser.find("#service-filter").send_keys("s0777")
        assert [row[:5] for row in rows(browser, "services")] == ["s0777"]
        browser.find("#service-filter").send_keys(Keys.CONTROL + "a", Keys.NULL, Keys.DELETE)
        browser.shows("#services", "1–25 of 1,000")
        assert browser.run("return document.querySelectorAll('*').length") < 2000
        browser.picture("thousand")
        SwitchCheck.on["c7"] = False
        browser.shows("#summary", "100 unhealthy")
        browser.find("#service-troubled").click()
        browser.shows("#services", "1–25 of 100")
