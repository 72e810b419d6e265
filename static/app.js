/* Ticking times, the freshness line, keyboard shortcuts, selection and copying.
   Everything else is HTML from the server. Every action works without this file. */
(() => {
  "use strict"

  const POLL_MS = 5000
  const CHORD_MS = 1200
  const FLASH_MS = 8000
  const root = document.documentElement
  root.classList.add("js")
  const $ = (selector, within = document) => within.querySelector(selector)
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)]

  /* --- clocks: they follow the server's time and stop while the page is stale ----------------------------------------- */

  let skew = 0
  let renderedAt = 0
  let stoppedAt = null
  const now = () => stoppedAt ?? Date.now() / 1000 + skew

  function readRenderTime() {
    const at = Number($("#rendered-at")?.dataset.at)
    if (!at || at === renderedAt) return
    renderedAt = at
    skew = at - Date.now() / 1000
  }

  /* The time at which the page was rendered, with its date once that is not today in the zone of the page. */
  function renderTimeText() {
    const { clock, full } = $("#rendered-at").dataset
    try {
      const today = new Intl.DateTimeFormat("sv-SE", { timeZone: root.dataset.zone }).format(Date.now() + skew * 1000)
      return full.startsWith(today) ? clock : full
    } catch {
      return full // the browser does not know the zone
    }
  }

  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]

  function formatSpan(seconds) {
    const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"]
    return `${Math.floor(seconds / size)} ${unit}`
  }

  function formatRelative(at) {
    const ahead = at - now()
    if (ahead >= 1) return `in ${formatSpan(ahead)}`
    return ahead <= -1 ? `${formatSpan(-ahead)} ago` : "now"
  }

  function formatCountdown(at) {
    const left = Math.floor(at - now())
    if (left <= 0) return "now"
    if (left < 3600) return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
    const [size, unit, below, lesser] = left < 2 * 86400 ? [3600, "h", 60, "min"] : [86400, "d", 3600, "h"]
    const rest = Math.floor((left % size) / below)
    return `${Math.floor(left / size)} ${unit}` + (rest ? ` ${rest} ${lesser}` : "")
  }

  function updateTimes() {
    for (const time of $$("time[data-when], time[data-until]")) {
      const at = Date.parse(time.dateTime) / 1000
      const text = "until" in time.dataset ? formatCountdown(at) : formatRelative(at)
      if (time.textContent !== text) time.textContent = text
    }
  }

  /* The title of a time is the absolute time in the zone of the page. On hover the browser's own zone is added. */
  const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone

  function addBrowserTime(time) {
    if (!time || time.title.includes("\n") || browserZone === root.dataset.zone) return
    const local = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })
    time.title += `\n${local}`
  }

  document.addEventListener("mouseover", (event) => addBrowserTime(event.target.closest?.("time[title]")))

  /* --- freshness: the page shows whether it is up to date ------------------------------------------------------------- */

  let stream = "connecting" // connecting, open, lost
  let refreshFailed = false
  let signedOut = false
  let pollTimer = null
  let missedRefresh = false

  const selectedCount = () => $$("input[data-select]:checked").length

  function currentFreshness() {
    if (signedOut) return ["signed-out", "signed out"]
    if (refreshFailed) return ["stale", `stale since ${renderTimeText()}`]
    if (selectedCount()) return ["paused", `paused: ${selectedCount()} selected`]
    if (stream === "open") return ["live", "live"]
    return stream === "lost" ? ["polling", "polling every 5 s"] : ["connecting", "connecting"]
  }

  function showFreshness() {
    const line = $("#freshness")
    if (!line) return
    const [state, words] = currentFreshness()
    stoppedAt = state === "stale" || state === "signed-out" ? stoppedAt ?? now() : null
    if (line.dataset.state === state && line.textContent === words) return
    line.dataset.state = state
    line.textContent = words
    if (state !== "signed-out") return
    const link = document.createElement("a")
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`
    link.textContent = "sign in again"
    line.append(": ", link)
  }

  function refresh(kind = "refresh") {
    if (window.htmx && !signedOut) htmx.trigger(document.body, kind)
  }

  function setPolling(on) {
    if (on && !pollTimer) pollTimer = setInterval(() => refresh("poll"), POLL_MS)
    if (!on && pollTimer) pollTimer = clearInterval(pollTimer)
  }

  document.addEventListener("breakwater:signed-out", () => {
    signedOut = true
    setPolling(false)
    showFreshness()
  })
  document.addEventListener("breakwater:signed-in", () => {
    signedOut = false
    showFreshness()
  })
  const endSession = () => document.dispatchEvent(new CustomEvent("breakwater:signed-out"))

  document.addEventListener("htmx:sseOpen", () => {
    stream = "open"
    setPolling(false)
    refresh() // changes before the stream opened, or while it was lost, were not published to this page
    showFreshness()
  })
  document.addEventListener("htmx:sseError", () => {
    if (document.hidden || signedOut) return
    stream = "lost"
    setPolling(true)
    showFreshness()
  })
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id !== "live" || !(document.hidden || selectedCount())) return
    missedRefresh = true
    event.preventDefault()
  })
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr?.status ?? 0
    if (status === 401) return endSession()
    if (event.target.id !== "live") return
    refreshFailed = status === 0 || status >= 500
    showFreshness()
  })
  document.addEventListener("htmx:afterSwap", () => {
    readRenderTime()
    updateTimes()
    updateSelectionBar()
    addBrowserTime($("time[title]:hover")) // the update has replaced its title
  })
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-select-page]")) selectAll(event.target.checked)
    if (event.target.matches("input[data-select]")) updateSelectionBar()
  })

  function refreshIfMissed() {
    if (!missedRefresh || document.hidden || selectedCount()) return
    missedRefresh = false
    refresh()
  }

  document.addEventListener("visibilitychange", () => {
    refreshIfMissed()
    showFreshness()
  })

  /* --- morphing: an update keeps what the reader has opened, typed or focused ------------------------------------------ */

  function preserveReaderState() {
    Object.assign(Idiomorph.defaults.callbacks, {
      beforeNodeMorphed: (old, fresh) => {
        if (old.name === "_form" && fresh.name === "_form") return false // a form without a response must keep its token
        return !(old.nodeType === 1 && old.matches("[data-preserve][open], dialog[open]"))
      },
      beforeAttributeUpdated: (name, node) => {
        if (name === "open" && node.nodeName === "DETAILS") return false
        if (name === "checked" || (name === "class" && node.classList.contains("current"))) return false
        if (name === "data-state") highlightChange(node)
        return true
      },
    })
  }

  /* Highlight the row or card for two seconds after its state has changed. */
  function highlightChange(node) {
    const target = node.closest("tr, article") ?? node
    target.classList.remove("changed")
    setTimeout(() => target.classList.add("changed"))
    setTimeout(() => target.classList.remove("changed"), 2000)
  }

  /* --- keyboard shortcuts ---------------------------------------------------------------------------------------------- */

  const PAGES = { n: "/", d: "/deliveries", c: "/circuits", e: "/endpoints", r: "/replays", a: "/audit", s: "/settings" }
  let chordStartedAt = 0

  /* The rows of the list itself; the rows of a summary above it have nothing to select or to resend. */
  const rows = () => {
    const listed = $$("#rows [data-row]")
    return listed.length ? listed : $$("[data-row]")
  }

  function moveBy(step) {
    const all = rows()
    if (!all.length) return
    const index = all.findIndex((row) => row.classList.contains("current"))
    const next = all[Math.min(Math.max(index + step, 0), all.length - 1)]
    all[index]?.classList.remove("current")
    next.classList.add("current")
    next.scrollIntoView({ block: "nearest" })
    $("a", next)?.focus({ preventScroll: true })
  }

  function focusSearch() {
    const field = $("#search")
    if (field) field.focus()
    else location.href = "/deliveries#search"
  }

  function resend() {
    if (selectedCount()) return $("#selection button.main").click()
    const target = $("[data-row].current") ?? $("#actions")
    if (target) $('form[action$="/resend"] button', target)?.click()
  }

  const toggleSelected = () => $("[data-row].current input[data-select]")?.click()

  const KEYS = {
    "/": focusSearch,
    "?": () => $("#keys")?.togglePopover(),
    j: () => moveBy(1),
    k: () => moveBy(-1),
    r: resend,
    x: toggleSelected,
    Enter: () => { if (document.activeElement === document.body) location.href = $("[data-row].current")?.dataset.row ?? location.href },
    g: () => { chordStartedAt = Date.now() },
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return
    if (Date.now() - chordStartedAt < CHORD_MS && PAGES[event.key]) {
      event.preventDefault()
      location.href = PAGES[event.key]
      return
    }
    const action = KEYS[event.key]
    if (!action || (event.key === "Enter" && event.target !== document.body)) return
    event.preventDefault()
    action()
  })

  /* --- selection: it pauses live updates; an action on more than one row needs a confirmation ---------------------------- */

  const rowCheckboxes = () => $$("input[data-select]")

  function updateSelectionBar() {
    const bar = $("#selection")
    if (!bar) return
    const count = selectedCount()
    const all = count === rowCheckboxes().length
    bar.classList.toggle("some", count > 0)
    for (const element of $$("[data-selected]", bar)) element.textContent = count
    $("[data-partial-selection]", bar).hidden = all
    $("[data-full-selection]", bar).hidden = !all
    const pageCheckbox = $("input[data-select-page]")
    if (pageCheckbox) Object.assign(pageCheckbox, { checked: count > 0 && all, indeterminate: count > 0 && !all })
    showFreshness()
    refreshIfMissed()
  }

  function selectAll(on) {
    for (const checkbox of rowCheckboxes()) checkbox.checked = on
    updateSelectionBar()
  }

  document.addEventListener("submit", (event) => {
    const form = event.target
    const dialog = document.getElementById(form.dataset.confirm)
    if (!dialog || event.submitter?.name === "confirmed") return
    if (form.id === "selection" && selectedCount() < 2) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (dialog.open) setTimeout(() => $("[name=confirmed]", dialog).click()) // Enter in a field of the dialog; after this event, which is cancelled
    else dialog.showModal()
  }, true)

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id !== "selection") return
    $("dialog", event.target).close()
    if (event.detail.successful) selectAll(false)
  })

  /* --- copying, theme, messages, links ----------------------------------------------------------------------------------- */

  async function copy(button) {
    const text = $(`#${CSS.escape(button.dataset.copy)}`)
    try {
      await navigator.clipboard.writeText(text.textContent)
      button.classList.add("copied")
      setTimeout(() => button.classList.remove("copied"), 1500)
    } catch {
      getSelection().selectAllChildren(text) // plain http has no clipboard: select the text, so that the reader can copy it
    }
  }

  function cycleTheme() {
    const order = ["", "light", "dark"]
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length]
    if (next) root.dataset.theme = next
    else delete root.dataset.theme
    document.cookie = `theme=${next}; path=/; max-age=${next ? 315360000 : 0}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button")
    if (button?.dataset.copy) copy(button)
    if (button?.id === "theme") cycleTheme()
    if (button && "unselect" in button.dataset) selectAll(false)
    if ((button && "close" in button.dataset) || event.target.nodeName === "DIALOG") event.target.closest("dialog").close()
    if (event.target.closest?.("#flash")) $("#flash").replaceChildren()
  })
  /* A success message disappears by itself. An error stays until it is clicked or replaced. */
  function expireFlash() {
    const notice = $("#flash .notice-success")
    if (notice) setTimeout(() => notice.remove(), FLASH_MS)
  }
  document.addEventListener("htmx:oobAfterSwap", expireFlash)

  /* A successful form closes the popover that contains it. */
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.target.matches?.("[data-close-on-success]")) {
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

  function openLinkedAttempt() {
    const attempt = /^#attempt-\d+$/.test(location.hash) && $(`${location.hash} details`)
    if (attempt) attempt.open = true
  }

  /* The code of an invite link is in the URL fragment, which is never sent to a server or logged. */
  function fillInCode() {
    const field = $("#code")
    if (!field || !location.hash) return
    field.value = location.hash.slice(1)
    history.replaceState(null, "", location.pathname)
    $("#password")?.focus()
  }

  addEventListener("hashchange", openLinkedAttempt)
  document.addEventListener("breakwater:content", () => {
    readRenderTime()
    updateTimes()
    updateSelectionBar()
  })
  document.addEventListener("DOMContentLoaded", () => {
    if (window.htmx) preserveReaderState()
    readRenderTime()
    openLinkedAttempt()
    if (location.hash === "#search") focusSearch()
    fillInCode()
    offerBrowserZone()
    expireFlash()
    updateTimes()
    showFreshness()
    updateSelectionBar()
    setInterval(() => { updateTimes(); showFreshness() }, 1000)
  })
})()
