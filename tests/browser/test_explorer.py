"""The explorer in real Chromium, served: what a user does, and what anyone must be able to do."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tests.browser.conftest import PLANE, pixels, settle, until

pytestmark = pytest.mark.xdist_group("browser")

AUDIT = """() => {
  const shown = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility({ opacityProperty: true }));
  const wrong = [];
  const name = (e) => e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.textContent).join(" ")
    || (document.getElementById(e.getAttribute("aria-labelledby")) || {}).textContent || e.textContent.trim();
  const named = "input, button, select, summary, canvas[role], [role=region], [role=group], section";
  for (const e of document.querySelectorAll(named)) {
    if (e.checkVisibility() && !name(e)) wrong.push(`no name: ${e.outerHTML.slice(0, 80)}`);
  }
  const light = ([r, g, b]) => {
    const part = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  for (const e of shown) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!text && !["INPUT", "SELECT"].includes(e.tagName)) continue;
    const looks = [getComputedStyle(e), ...(e.placeholder ? [getComputedStyle(e, "::placeholder")] : [])];
    for (const style of looks) {
      const found = ratio(colour(style.color), behind(e));
      if (found < 4.5) wrong.push(`contrast ${found.toFixed(2)}: ${e.outerHTML.slice(0, 80)}`);
      if (parseFloat(style.fontSize) < 12) wrong.push(`small: ${e.outerHTML.slice(0, 80)}`);
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id ${id} twice`);
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (!document.documentElement.lang) wrong.push("no language");
  for (const e of document.querySelectorAll("button, select, summary, input:not([type=range], [type=file])")) {
    const { width, height } = e.getBoundingClientRect();
    const small = e.checkVisibility() && Math.min(width, height) < 24;
    if (small) wrong.push(`target ${width} x ${height}: ${e.outerHTML.slice(0, 80)}`);
  }
  return wrong;
}"""
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
  .filter((e) => e.checkVisibility() && !e.disabled).length"""
PLACE = """() => [...document.querySelectorAll("body *")].indexOf(document.activeElement)"""


def slider(page, latent):
    return page.get_by_role("slider", name=f"z{latent}", exact=True)


def value(page, latent):
    return float(page.get_by_label(f"Value of z{latent}", exact=True).input_value())


def values(page):
    return [value(page, j) for j in range(2)]


def test_the_page_says_what_the_run_is(tab, address, moved):
    page = tab(address)
    assert page.title() == "joint-vae on dsprites, seed 0"
    assert page.inner_text("#summary").startswith("2 of 3 latents carry information")
    assert page.locator("#references button").count() == 12
    # the first reference image, encoded and decoded again
    image = moved.reference_images(1)
    again = moved.decode(moved.encode(image), moved.categories(image))[0, 0]
    shown = np.array(pixels(page)).reshape(32, 32, 4)
    assert np.abs(shown[..., 0] / 255 - again.numpy()).max() <= 1 / 255
    assert (shown[..., 3] == 255).all()


def test_a_slider_changes_the_picture(tab, address, moved):
    page = tab(address)
    before, old = pixels(page), value(page, 0)
    box = slider(page, 0).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    settle(page)
    assert value(page, 0) > old
    assert pixels(page) != before
    code = torch.tensor([[*values(page), 0.0]])
    meant = moved.decode(code, moved.categories(moved.reference_images(1)))[0, 0].numpy()
    shown = np.array(pixels(page)).reshape(32, 32, 4)[..., 0] / 255
    assert np.abs(shown - meant).max() < 0.05  # the code is told to two decimals


def test_keys_move_a_slider(tab, address):
    page = tab(address)
    start = value(page, 1)
    slider(page, 1).focus()
    for keys, expected in [
        (["0"], 0), (["ArrowRight"], 0.1), (["ArrowUp", "ArrowUp"], 0.3), (["ArrowLeft"], 0.2), (["ArrowDown"], 0.1),
        (["PageUp"], 0.6), (["PageDown", "PageDown"], -0.4),
    ]:  # fmt: skip
        for key in keys:
            page.keyboard.press(key)
        assert value(page, 1) == pytest.approx(expected)
    page.keyboard.press("Home")
    low = value(page, 1)
    page.keyboard.press("End")
    assert value(page, 1) == -low >= 3
    changed = pixels(page)
    page.keyboard.press("Backspace")
    assert value(page, 1) == start
    settle(page)
    assert pixels(page) != changed
    assert page.inner_text("#strip-head") == "Traversal of z1"


def test_an_upload_is_encoded_and_compared(tab, address, moved, tmp_path):
    page = tab(address)
    image = moved.data.images(np.array([300_000]))
    Image.fromarray((image[0, 0] * 255).round().byte().numpy()).save(tmp_path / "mine <b>.png")
    page.set_input_files("#upload", tmp_path / "mine <b>.png")
    until(page, "document.getElementById('status').textContent.includes('was encoded')")
    settle(page)
    assert page.inner_text("#status") == "mine <b>.png was encoded."
    assert values(page) == pytest.approx(moved.encode(image)[0, :2].tolist(), abs=0.006)
    origin = np.array(pixels(page, "#origin")).reshape(32, 32, 4)[..., 0]
    assert np.array_equal(origin, (image[0, 0] * 255).round().numpy())
    assert page.inner_text("#apart-text").startswith("difference, mean 0.")


def test_an_upload_that_is_no_picture_gets_one_sentence(chromium, address, tmp_path):
    page = chromium.new_page()  # its console tells of the answer 400, as it should
    page.goto(address)
    page.wait_for_selector("#strip button")
    (tmp_path / "x.png").write_text("no picture")
    page.set_input_files("#upload", tmp_path / "x.png")
    until(page, "document.getElementById('status').textContent.includes('cannot be read')")
    page.close()


@pytest.mark.usefixtures("fresh")
def test_names_and_stars_survive_a_reload(tab, address):
    page = tab(address)
    hostile = "<img src=x onerror=alert(1)>"
    page.get_by_label("Name of z1", exact=True).fill(hostile)
    page.keyboard.press("Enter")
    page.get_by_role("slider", name=hostile, exact=True).wait_for()
    last = page.locator("#live .latent").last.locator(".star")
    starred = last.get_attribute("aria-label")
    last.click()
    page.wait_for_selector("#live .latent:first-child .star[aria-pressed=true]")
    page.reload()
    page.wait_for_selector("#strip button")
    settle(page)
    assert page.get_by_label("Name of z1", exact=True).input_value() == hostile
    assert page.locator("#live .latent").first.locator(".star").get_attribute("aria-label") == starred
    slider_of = page.get_by_role("slider", name=hostile, exact=True)
    slider_of.press("ArrowRight")
    settle(page)
    assert hostile in page.inner_text("#strip-head")
    assert page.locator("img").count() == 0


def test_dead_latents_are_folded_away(tab, address):
    page = tab(address)
    assert page.locator("#live .latent").count() == 2
    assert page.inner_text("#dead-head").startswith("1 dead (below 0.1 nats")
    assert not slider(page, 2).is_visible()
    page.click("#dead-head")
    assert slider(page, 2).is_visible()


def test_categories_are_buttons(tab, address):
    page = tab(address)
    before = pixels(page)
    group = page.get_by_role("group", name="Category 0")
    pressed = group.locator("[aria-pressed=true]").inner_text()
    other = next(k for k in "012" if k != pressed)
    group.get_by_role("button", name=f"Category 0: {other}").click()
    settle(page)
    assert group.locator("[aria-pressed=true]").inner_text() == other
    assert pixels(page) != before
    page.click("#reset")
    settle(page)
    assert pixels(page) == before


def test_codes_start_from_the_prior_a_reference_or_any_image(tab, address, moved):
    page = tab(address)
    start = values(page)
    page.click("#random")
    settle(page)
    assert values(page) != start
    assert not page.locator("#origin-box").is_visible()  # nothing was encoded
    page.get_by_label("Reference image 2", exact=True).click()
    settle(page)
    assert page.get_by_label("Reference image 2", exact=True).get_attribute("aria-pressed") == "true"
    assert values(page) == pytest.approx(moved.encode(moved.reference_images(12))[1, :2].tolist(), abs=0.006)
    page.fill("#number", "4711")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('#references [aria-pressed=true]').length === 0")
    settle(page)
    assert values(page) == pytest.approx(moved.encode(moved.data.images(np.array([4711])))[0, :2].tolist(), abs=0.006)
    page.click("#any")
    until(page, "document.getElementById('number').value !== '4711'")


def test_a_link_restores_the_state(tab, address):
    page = tab(address)
    page.fill("#number", "4711")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('#references [aria-pressed=true]').length === 0")
    page.get_by_label("Value of z1", exact=True).fill("1.25")
    page.get_by_label("Category 1: 1").click()
    page.select_option("#span", "three")
    settle(page)
    page.click("#copy-link")
    until(page, "location.hash.includes('z=')")
    other = tab(page.url)
    assert value(other, 1) == 1.25
    assert pixels(other) == pixels(page)
    assert pixels(other, "#origin") == pixels(page, "#origin")
    assert other.input_value("#span") == "three"
    assert other.inner_text("#strip-head") == page.inner_text("#strip-head")


def test_a_link_that_holds_no_state_is_left_out(tab, address):
    page = tab(f"{address}#z=1,2")
    start = values(page)
    for broken in ("z=a,b,c", "z=1e9,0,0", "l=77", "s=%3Cb%3E", "from=r99", "from=../..", "%00", "z=,,"):
        page.evaluate("(broken) => { location.hash = broken; }", broken)
        settle(page)
        assert values(page) == start
    page.evaluate("() => { location.hash = 'c=9,9'; }")
    settle(page)
    assert page.locator("#categories [aria-pressed=true]").all_inner_texts() == ["2", "1"]


def test_a_strip_shows_what_the_latent_does(tab, address, moved):
    page = tab(address)
    slider(page, 0).focus()
    settle(page)
    labels = page.locator("#strip span").all_inner_texts()
    assert labels == ["\u22122.00", "\u22121.33", "\u22120.67", "0.00", "0.67", "1.33", "2.00"]
    page.select_option("#span", "quantiles")
    until(page, "document.querySelector('#strip span').textContent.endsWith('1.64')")
    assert page.locator("#strip span").all_inner_texts()[1:4] == ["\u22120.84", "\u22120.39", "0.00"]
    page.select_option("#span", "reach")
    until(page, "document.querySelector('#strip span').textContent.endsWith('.00')")
    ends = page.locator("#strip span").all_inner_texts()
    assert ends[-1] == f"{float(slider(page, 0).get_attribute('max')):.2f}"
    page.select_option("#span", "zero")
    until(page, "document.querySelector('#strip span').textContent.endsWith('1.00')")
    page.locator("#strip button").last.click()
    settle(page)
    assert (value(page, 0), value(page, 1)) == (1, 0)  # all others at 0
    code = torch.tensor([[1.0, 0, 0]])
    meant = moved.decode(code, moved.categories(moved.reference_images(1)))[0, 0].numpy()
    shown = np.array(pixels(page, "#strip button:last-child canvas")).reshape(32, 32, 4)[..., 0]
    assert np.abs(shown / 255 - meant).max() <= 1 / 255
    assert "What z0 changes" in page.inner_text("#changes-text")
    page.click("#dead-head")
    moved_colours = len({tuple(each) for each in np.array(pixels(page, "#changes")).reshape(-1, 4).tolist()})
    assert moved_colours > 10


def dial(page):
    return page.get_by_role("slider", name="Angle of z0 and z1", exact=True)


def polar(page):
    """Angle in degrees and radius, as a screen reader is told them."""
    angle, radius = dial(page).get_attribute("aria-valuetext").replace(" degrees, radius", "").split()
    return float(angle), float(radius)


def place(page, x, y):
    """Where on the screen a point of the dial is, both from -1 to 1."""
    box = dial(page).bounding_box()
    return box["x"] + box["width"] * (1 + x) / 2, box["y"] + box["height"] * (1 - y) / 2


def test_a_dial_and_a_slider_move_a_plane(tab, planar_address, planar):
    page = tab(planar_address)
    start = polar(page)
    code = planar.encode(planar.reference_images(1)).double().numpy()
    radius, c, s = PLANE.polar(code)[0]
    assert start == pytest.approx((np.degrees(np.arctan2(s, c)) % 360, radius), abs=0.06)
    dial(page).focus()
    for key, expected in [
        ("0", 0),
        ("ArrowRight", 5),
        ("PageDown", 335),
        ("ArrowUp", 340),
        ("End", 180),
        ("PageUp", 210),
    ]:
        page.keyboard.press(key)
        assert polar(page) == pytest.approx((expected, start[1]), abs=0.01)
    out = page.get_by_role("slider", name="Radius of z0 and z1", exact=True)
    out.focus()
    for key in ("Home", "PageUp", "ArrowUp"):
        page.keyboard.press(key)
    assert polar(page) == (210, 0.6)  # the middle has no angle, and the one before is kept
    settle(page)
    assert dial(page).get_attribute("aria-valuenow") == "210"
    page.click("summary:has-text('by themselves')")
    angle = np.radians(210)
    there = PLANE.inverse(np.array([[0.6, np.cos(angle), np.sin(angle)]]))[0]
    assert values(page) == pytest.approx(there, abs=0.006)
    code[0, :2] = there
    meant = planar.decode(torch.tensor(code).float(), planar.categories(planar.reference_images(1)))[0, 0].numpy()
    assert np.abs(np.array(pixels(page)).reshape(32, 32, 4)[..., 0] / 255 - meant).max() < 1 / 255
    for where in (dial(page), out):
        where.press("Backspace")
    assert polar(page) == pytest.approx(start, abs=0.01)
    page.get_by_label("Angle of z0 and z1 in degrees", exact=True).fill("-90")
    page.get_by_label("Value of the radius of z0 and z1", exact=True).fill("0.5")
    assert polar(page) == (270, 0.5)


def test_a_drag_on_the_ring_turns_and_one_inside_moves_the_point(tab, planar_address):
    page = tab(planar_address)
    _, radius = polar(page)
    page.mouse.move(*place(page, 0.93, 0))
    page.mouse.down()
    assert polar(page) == pytest.approx((0, radius), abs=1)
    page.mouse.move(*place(page, 0, 0.2), steps=3)
    page.mouse.up()
    assert polar(page) == pytest.approx((90, radius), abs=1)
    page.mouse.move(*place(page, -0.42, 0))
    assert polar(page) == pytest.approx((90, radius), abs=1)  # the button is up
    page.mouse.down()
    page.mouse.up()
    reach = float(page.get_by_role("slider", name="Radius of z0 and z1").get_attribute("max"))
    assert polar(page) == pytest.approx((180, reach / 2), abs=1)


def test_a_strip_goes_once_round_and_a_link_brings_it_back(tab, planar_address):
    page = tab(planar_address)
    assert page.inner_text("#strip-head") == "Traversal of the angle of z0 and z1"
    assert page.locator("#strip span").all_inner_texts() == [f"{k}\u00b0" for k in range(0, 361, 60)]
    assert page.locator("#span").is_disabled()
    first, *others = [pixels(page, f"#strip button:nth-child({k}) canvas") for k in range(1, 8)]
    assert first == others[-1] not in others[:-1]
    page.locator("#strip button").nth(2).click()
    settle(page)
    assert polar(page)[0] == 120
    page.get_by_role("slider", name="Radius of z0 and z1", exact=True).focus()
    settle(page)
    assert page.inner_text("#strip-head") == "Traversal of the radius of z0 and z1"
    page.click("#copy-link")
    until(page, "location.hash.includes('l=r0')")
    other = tab(page.url)
    assert other.inner_text("#strip-head") == page.inner_text("#strip-head")
    assert polar(other) == polar(page)
    assert other.locator(".plane").get_attribute("aria-current") == "true"


@pytest.mark.usefixtures("fresh")
def test_a_plane_is_called_what_its_latents_are(tab, planar_address):
    page = tab(planar_address)
    page.click("summary:has-text('by themselves')")
    page.get_by_label("Name of z1", exact=True).fill("<b>tilt")
    page.keyboard.press("Enter")
    page.get_by_role("slider", name="Angle of z0 and <b>tilt", exact=True).wait_for()
    assert page.inner_text(".plane p").startswith("z0 and <b>tilt form a plane")


def test_two_images_are_joined_by_steps(tab, address, moved):
    page = tab(address)
    codes = moved.encode(moved.reference_images(12))
    page.locator("#between-strip button").nth(3).click()
    settle(page)
    assert values(page) == pytest.approx(codes[:2].mean(0)[:2].tolist(), abs=0.006)
    page.get_by_label("Reference image 5", exact=True).click()
    page.click("#set-a")
    page.click("#random")
    page.click("#set-b")
    there = values(page)
    page.locator("#share").fill("0")
    settle(page)
    code = codes[4, :2].tolist()
    assert values(page) == pytest.approx(code, abs=0.006)
    page.locator("#share").fill("1")
    assert values(page) == there


def test_pictures_are_saved(tab, address, tmp_path):
    page = tab(address)
    with page.expect_download() as started:
        page.click("#save-png")
    started.value.save_as(tmp_path / "x.png")
    assert started.value.suggested_filename == "j-image.png"
    saved = np.asarray(Image.open(tmp_path / "x.png").convert("RGBA"))
    assert saved.shape == (512, 512, 4)
    assert saved[::16, ::16].ravel().tolist() == pixels(page)
    for button in ("#save-gif", "#save-between"):
        with page.expect_download() as started:
            page.click(button)
        started.value.save_as(tmp_path / "x.gif")
        film = Image.open(io.BytesIO((tmp_path / "x.gif").read_bytes()))
        assert (film.format, film.n_frames, film.size, film.info["loop"]) == ("GIF", 48, (256, 256), 0)
    first = np.asarray(film.convert("RGB"))[::8, ::8]
    shown = np.array(pixels(page, "#between-strip button:first-child canvas")).reshape(32, 32, 4)[..., :3]
    assert np.array_equal(first, shown)


def test_a_gif_of_many_colours_stays_near_them(tab, address):
    page = tab(address)
    content, meant = page.evaluate(
        """() => {
          const picture = new ImageData(96, 64);
          for (let y = 0; y < 64; y++) for (let x = 0; x < 96; x++) {
            picture.data.set([(x * 255) / 95, (y * 255) / 63, ((x + y) * 255) / 158, 255], 4 * (y * 96 + x));
          }
          return [Array.from(Picture.gif([picture, picture], 5)), Array.from(picture.data)];
        }"""
    )
    film = Image.open(io.BytesIO(bytes(content)))
    assert film.n_frames == 2
    apart = np.asarray(film.convert("RGB")).astype(int) - np.array(meant).reshape(64, 96, 4)[..., :3]
    assert np.abs(apart).mean() < 6


def test_a_table_is_shown_as_bars(tab, table_address, table):
    page = tab(table_address)
    assert page.locator(".bar span").all_inner_texts() == ["a", "<b>", "kind=a", "kind=b", "kind=c"]
    row = table.reference_images(12)[:1]
    meant = table.decode(table.encode(row))[0, 0, 0].tolist()
    numbers = [float(text.replace("\u2212", "-")) for text in page.locator(".bar b").all_inner_texts()]
    assert numbers == pytest.approx(meant, rel=1e-3, abs=1e-3)
    latent = int(page.inner_text("#strip-head").removeprefix("Traversal of z"))
    slider(page, latent).press("End")
    settle(page)
    assert page.locator(".bar b").all_inner_texts()[0] != str(numbers[0])
    assert "Most: " in page.inner_text("#changes-text")
    assert not page.locator("#upload-box").is_visible()


@pytest.mark.parametrize("which", ["address", "table_address", "planar_address"])
@pytest.mark.parametrize("width", [375, 320])
def test_a_phone_has_no_sideways_scroll(tab, which, width, request):
    page = tab(request.getfixturevalue(which), width=width, height=700, has_touch=True, is_mobile=True)
    for closed in page.locator("summary").all():
        if closed.is_visible():
            closed.click()
    wide = """() => [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility()
      && e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_picture_stays_in_sight(tab, address):
    page = tab(address, width=375, height=700)
    slider(page, 0).scroll_into_view_if_needed()
    page.locator("#strip").scroll_into_view_if_needed()
    assert page.locator("#now").bounding_box()["y"] >= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["address", "table_address", "planar_address"])
def test_everything_has_a_name_and_contrast(tab, which, scheme, request):
    page = tab(request.getfixturevalue(which), color_scheme=scheme)
    for closed in page.locator("summary").all():
        if closed.is_visible():
            closed.click()
    assert page.evaluate(AUDIT) == []


@pytest.mark.parametrize("which", ["address", "planar_address"])
def test_focus_goes_through_the_page_in_order(tab, which, request):
    page = tab(request.getfixturevalue(which))
    seen = []
    for _ in range(page.evaluate(STOPS)):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(PLACE))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none' || "
                             "document.activeElement.type === 'file'")  # fmt: skip
    assert seen == sorted(set(seen))
    assert -1 not in seen


def test_a_page_whose_server_has_ended_says_so(chromium, address):
    page = chromium.new_page()
    page.goto(address)
    page.wait_for_selector("#strip button")
    page.route("**/decode", lambda route: route.abort())
    page.click("#random")
    until(page, "document.getElementById('status').textContent.includes('does not answer')")
    page.close()


def test_no_other_page_can_use_the_server(chromium, address, tmp_path):
    """A page from elsewhere, even with the token, can neither read nor post."""
    (tmp_path / "evil.html").write_text("<p>evil</p>")
    page = chromium.new_page()
    page.goto(f"file://{tmp_path}/evil.html")
    tries = """async (address) => {
      const at = new URL(address);
      const ask = (path, options) => fetch(`${at.origin}/${path}${at.search}`, options)
        .then((answer) => answer.status, () => "no");
      const names = { method: "POST", body: '{"latent":0,"name":"x","star":true}' };
      return [await ask("facts"), await ask("names", names), await ask("names", { ...names, mode: "no-cors" })];
    }"""
    assert page.evaluate(tries, address) == ["no", "no", "no"]
    facts = page.context.request.get(address.replace("/?", "/facts?")).json()
    assert not any(held["name"] == "x" for held in facts["names"].values())
    page.close()
