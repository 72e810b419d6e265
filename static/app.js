/* What pages cannot do without a script: clocks that tick, the line that says how fresh the page is, keys, copying.
   Everything else is HTML from the server; without this file every action still works. */
(() => {
  "use strict"

  const POLL_MS = 5000
  const HIDDEN_MS = 30000
  const CHORD_MS = 1200
  const FLASH_MS = 8000
  const root = document.documentElement
  root.classList.add("js")
  const $ = (selector, within = document) => within.querySelector(selector)
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)]

  /* --- clocks: the server's time, ticking; they stand still while the page is stale --------------------------------- */

  let skew = 0
  let drawnAt = 0
  let drawnClock = ""
  let stoppedAt = null
  const now = () => stoppedAt ?? Date.now() / 1000 + skew

  function readDrawn() {
    const drawn = Number($("#rendered-at")?.dataset.at)
    if (!drawn || drawn === drawnAt) return
    drawnAt = drawn
    drawnClock = $("#rendered-at").dataset.clock
    skew = drawn - Date.now() / 1000
  }

  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]

  function span(seconds) {
    const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"]
    return `${Math.floor(seconds / size)} ${unit}`
  }

  function relative(at) {
    const ahead = at - now()
    if (ahead >= 1) return `in ${span(ahead)}`
    return ahead <= -1 ? `${span(-ahead)} ago` : "now"
  }

  function countdown(at) {
    const left = Math.floor(at - now())
    if (left <= 0) return "now"
    if (left < 3600) return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
    const [size, unit, below, lesser] = left < 2 * 86400 ? [3600, "h", 60, "min"] : [86400, "d", 3600, "h"]
    const rest = Math.floor((left % size) / below)
    return `${Math.floor(left / size)} ${unit}` + (rest ? ` ${rest} ${lesser}` : "")
  }

  function tick() {
    for (const time of $$("time[data-when], time[data-until]")) {
      const at = Date.parse(time.dateTime) / 1000
      const text = "until" in time.dataset ? countdown(at) : relative(at)
      if (time.textContent !== text) time.textContent = text
    }
  }

  /* The absolute time in the zone of the pages is in the title; that of the browser, if it is another, is added when asked for. */
  const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone

  document.addEventListener("mouseover", (event) => {
    const time = event.target.closest?.("time[title]")
    if (!time || time.title.includes("\n") || browserZone === root.dataset.zone) return
    const local = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })
    time.title += `\n${local}`
  })

  /* --- freshness: a page says how old it is -------------------------------------------------------------------------- */

  let stream = "connecting" // connecting, open, lost
  let failed = false
  let signedOut = false
  let polling = null
  let source = null
  let hiding = null
  let missed = false

  const selected = () => $$("input[data-select]:checked").length

  function freshness() {
    if (signedOut) return ["out", "signed out"]
    if (failed) return ["stale", `stale since ${drawnClock}`]
    if (selected()) return ["paused", `paused: ${selected()} selected`]
    if (stream === "open") return ["live", "live"]
    return stream === "lost" ? ["polling", "no stream: asking every 5 s"] : ["connecting", "connecting"]
  }

  function showFreshness() {
    const line = $("#freshness")
    if (!line) return
    const [state, words] = freshness()
    stoppedAt = state === "stale" || state === "out" ? stoppedAt ?? now() : null
    if (line.dataset.state === state && line.textContent === words) return
    line.dataset.state = state
    line.textContent = words
    if (state !== "out") return
    const link = document.createElement("a")
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`
    link.textContent = "sign in again"
    line.append(": ", link)
  }

  function refresh(kind = "refresh") {
    if (window.htmx && !signedOut) htmx.trigger(document.body, kind)
  }

  function poll(on) {
    if (on && !polling) polling = setInterval(() => refresh("poll"), POLL_MS)
    if (!on && polling) polling = clearInterval(polling)
  }

  function endSession() {
    signedOut = true
    poll(false)
    source?.close()
    showFreshness()
  }

  document.addEventListener("htmx:sseOpen", () => {
    stream = "open"
    poll(false)
    refresh() // what happened before the stream was open, or while it was lost, was told to nobody
    showFreshness()
  })
  document.addEventListener("htmx:sseError", () => {
    if (document.hidden || signedOut) return
    stream = "lost"
    poll(true)
    showFreshness()
  })
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id !== "live" || !(document.hidden || selected())) return
    missed = true
    event.preventDefault()
  })
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr?.status ?? 0
    if (status === 401) return endSession()
    if (event.target.id !== "live") return
    failed = status === 0 || status >= 500
    showFreshness()
  })
  document.addEventListener("htmx:afterSwap", () => { readDrawn(); tick(); showSelection() })
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-select-page]")) tickAll(event.target.checked)
    if (event.target.matches("input[data-select]")) showSelection()
  })

  function catchUp() {
    if (!missed || document.hidden || selected()) return
    missed = false
    refresh()
  }

  /* A hidden tab needs no stream, and a browser has only six connections to one host. */
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding)
    if (document.hidden) {
      hiding = setTimeout(() => source?.close(), HIDDEN_MS)
    } else if (source?.readyState === EventSource.CLOSED && !signedOut) {
      stream = "connecting"
      htmx.process(document.body)
    } else {
      catchUp()
    }
    showFreshness()
  })

  /* --- morphing: what a reader has opened, typed or focused survives an update ----------------------------------------- */

  function keepWhatIsTheReaders() {
    htmx.createEventSource = (url) => {
      source?.close()
      source = new EventSource(url)
      source.addEventListener("signed-out", endSession)
      return source
    }
    Object.assign(Idiomorph.defaults.callbacks, {
      beforeNodeMorphed: (old) => !(old.nodeType === 1 && old.matches("[data-keep][open], dialog[open]")),
      beforeAttributeUpdated: (name, node) => {
        if (name === "open" && node.nodeName === "DETAILS") return false
        if (name === "checked" || (name === "class" && node.classList.contains("at"))) return false
        if (name === "data-state") mark(node)
        return true
      },
    })
  }

  /* What changed its state before the reader's eyes is lit for a moment. */
  function mark(node) {
    const lit = node.closest("tr, article") ?? node
    lit.classList.remove("changed")
    setTimeout(() => lit.classList.add("changed"))
    setTimeout(() => lit.classList.remove("changed"), 2000)
  }

  /* --- keys ------------------------------------------------------------------------------------------------------------ */

  const GO = { n: "/", d: "/deliveries", c: "/circuits", e: "/endpoints", r: "/replays", a: "/audit", s: "/settings" }
  let chord = 0

  const rows = () => $$("[data-row]")

  function move(by) {
    const all = rows()
    if (!all.length) return
    const at = all.findIndex((row) => row.classList.contains("at"))
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)]
    all[at]?.classList.remove("at")
    next.classList.add("at")
    next.scrollIntoView({ block: "nearest" })
    $("a", next)?.focus({ preventScroll: true })
  }

  function search() {
    const box = $("#search")
    if (box) box.focus()
    else location.href = "/deliveries"
  }

  const resend = () => selected() ? $("#selection button.main").click() : $('form[action$="/resend"] button', $("[data-row].at") ?? $("#actions") ?? document.createElement("i"))?.click()
  const select = () => $("[data-row].at input[data-select]")?.click()

  const KEYS = {
    "/": search,
    "?": () => $("#keys")?.togglePopover(),
    j: () => move(1),
    k: () => move(-1),
    r: resend,
    x: select,
    Enter: () => { if (document.activeElement === document.body) location.href = $("[data-row].at")?.dataset.row ?? location.href },
    g: () => { chord = Date.now() },
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return
    if (Date.now() - chord < CHORD_MS && GO[event.key]) {
      event.preventDefault()
      location.href = GO[event.key]
      return
    }
    const action = KEYS[event.key]
    if (!action || (event.key === "Enter" && event.target !== document.body)) return
    event.preventDefault()
    action()
  })

  /* --- selection: while rows are ticked live updates wait; what touches more than one is confirmed -------------------------- */

  const ticks = () => $$("input[data-select]")

  function showSelection() {
    const bar = $("#selection")
    if (!bar) return
    const number = selected()
    const whole = number === ticks().length
    bar.classList.toggle("some", number > 0)
    for (const place of $$("[data-selected]", bar)) place.textContent = number
    $("[data-some]", bar).hidden = whole
    $("[data-whole]", bar).hidden = !whole
    const page = $("input[data-select-page]")
    if (page) Object.assign(page, { checked: number > 0 && whole, indeterminate: number > 0 && !whole })
    showFreshness()
    catchUp()
  }

  function tickAll(on) {
    for (const tick of ticks()) tick.checked = on
    showSelection()
  }

  document.addEventListener("submit", (event) => {
    const form = event.target
    const dialog = document.getElementById(form.dataset.confirm)
    if (!dialog || event.submitter?.name === "confirmed") return
    if (form.id === "selection" && selected() < 2) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (dialog.open) setTimeout(() => $("[name=confirmed]", dialog).click()) // Enter in its field; not while this event lasts
    else dialog.showModal()
  }, true)

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id !== "selection") return
    $("dialog", event.target).close()
    if (event.detail.successful) tickAll(false)
  })

  /* --- a form that goes to another page is sent only where it will be taken: what was typed into it would be lost ------------ */

  const sent = new WeakSet()

  function say(words, link) {
    const line = Object.assign(document.createElement("p"), { className: "notice notice-error", textContent: words })
    if (link) line.append(" ", link)
    $("#flash")?.replaceChildren(line)
    line.scrollIntoView({ block: "nearest" })
  }

  async function takeNewToken() {
    const page = new DOMParser().parseFromString(await (await fetch("/settings")).text(), "text/html")
    const token = $("[name=_csrf]", page)?.value
    for (const field of $$("[name=_csrf]")) field.value = token ?? field.value
  }

  async function sendIfTaken(form, submitter) {
    try {
      const { status } = await fetch("/events", { method: "HEAD", headers: { Accept: "text/event-stream" } })
      if (status === 401) {
        signedOut = true
        const link = Object.assign(document.createElement("a"), { href: "/sign-in", target: "_blank", textContent: "Sign in again" })
        return say("You are signed out, and nothing was sent. What you typed stays here.", link)
      }
      if (signedOut) await takeNewToken()
      sent.add(form)
      form.requestSubmit(submitter)
    } catch {
      say("Breakwater does not answer, and nothing was sent. What you typed stays here: try again in a moment.")
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target
    if (form.method !== "post" || form.hasAttribute("hx-post") || !$("[name=_csrf]", form) || sent.delete(form)) return
    event.preventDefault()
    sendIfTaken(form, event.submitter)
  }, true)

  /* --- small things ------------------------------------------------------------------------------------------------------ */

  async function copy(button) {
    const text = $(`#${CSS.escape(button.dataset.copy)}`)
    try {
      await navigator.clipboard.writeText(text.textContent)
      button.classList.add("copied")
      setTimeout(() => button.classList.remove("copied"), 1500)
    } catch {
      getSelection().selectAllChildren(text) // no clipboard over plain http: the reader presses the keys
    }
  }

  function turnTheme() {
    const order = ["", "light", "dark"]
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length]
    if (next) root.dataset.theme = next
    else delete root.dataset.theme
    document.cookie = `theme=${next}; path=/; max-age=${next ? 315360000 : 0}; samesite=lax`
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button")
    if (button?.dataset.copy) copy(button)
    if (button?.id === "theme") turnTheme()
    if (button && "unselect" in button.dataset) tickAll(false)
    if ((button && "close" in button.dataset) || event.target.nodeName === "DIALOG") event.target.closest("dialog").close()
    if (event.target.closest?.("#flash")) $("#flash").replaceChildren()
  })
  /* What was done is said for a while; what was refused stays until it is clicked away or something else is said. */
  function fade() {
    const done = $("#flash .notice-success")
    if (done) setTimeout(() => done.remove(), FLASH_MS)
  }
  document.addEventListener("htmx:oobAfterSwap", fade)

  /* A form that did its work closes what it was opened in. */
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.target.matches?.("[data-closes]")) {
      event.target.closest("details").open = false
      event.target.reset()
    }
  })

  function offerBrowserZone() {
    const form = $("[data-browser-zone]")
    if (!form || !browserZone || browserZone === root.dataset.zone) return
    form.elements.zone.value = browserZone
    $("button span", form).textContent = browserZone
    form.hidden = false
  }

  function openLinked() {
    const linked = /^#attempt-\d+$/.test(location.hash) && $(`${location.hash} details`)
    if (linked) linked.open = true
  }

  /* The code of a sign-in link is in the fragment, which servers and logs never see. */
  function takeCode() {
    const field = $("#code")
    if (!field || !location.hash) return
    field.value = location.hash.slice(1)
    history.replaceState(null, "", location.pathname)
    $("#password")?.focus()
  }

  addEventListener("hashchange", openLinked)
  document.addEventListener("DOMContentLoaded", () => {
    if (window.htmx) keepWhatIsTheReaders()
    readDrawn()
    openLinked()
    takeCode()
    offerBrowserZone()
    fade()
    tick()
    showFreshness()
    showSelection()
    setInterval(() => { tick(); showFreshness() }, 1000)
  })
})()
