/* Updates move nothing under a hand: a list with the pointer or the focus inside keeps its rows and their order, and
   says how many changes it withholds. Its rows stay where they are on the screen, and the focus stays where it was. */
(() => {
  "use strict"

  const $ = (selector, within = document) => within.querySelector(selector)
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)]
  const rowsOf = (list) => [...list.children].filter((row) => row.id)
  const withheld = new Set() // ids of lists that withhold changes
  let shown = null // the list whose changes the reader asked for
  let anchor = null // the row in use, and where it was

  const inUse = (list) => list.matches(":hover") || list.contains(document.activeElement)

  /* --- before an update: withhold what would move a row ----------------------------------------------------------------- */

  /* A row that is no longer in the list, without what could be clicked by mistake. */
  function goneRow(row) {
    const copy = row.cloneNode(true)
    copy.classList.add("gone")
    for (const control of $$("form, details, button", copy)) control.remove()
    return copy
  }

  function withhold(list, next) {
    const current = rowsOf(list)
    const fresh = new Map(rowsOf(next).map((row) => [row.id, row]))
    const order = [...fresh.keys()].filter((id) => list.querySelector(`:scope > #${CSS.escape(id)}`))
    const kept = current.filter((row) => fresh.has(row.id)).map((row) => row.id)
    const moved = order.filter((id, index) => id !== kept[index]).length
    const gone = current.length - kept.length
    const added = fresh.size - kept.length
    next.replaceChildren(...current.map((row) => fresh.get(row.id) ?? goneRow(row)))
    return moved + gone + added
  }

  function showButton(list, next, count) {
    const button = document.createElement("button")
    button.type = "button"
    button.id = `${list.id}-changes`
    button.className = "changes"
    button.dataset.show = list.id
    button.textContent = `${count} ${count === 1 ? "change" : "changes"}, show`
    next.closest("table, [data-steady]").after(button)
  }

  function steady(text) {
    const update = document.createElement("template")
    update.innerHTML = text
    withheld.clear()
    for (const list of $$("[data-steady]")) {
      const next = $(`#${CSS.escape(list.id)}`, update.content)
      if (!next || list.id === shown || !inUse(list)) continue
      const count = withhold(list, next)
      if (!count) continue
      withheld.add(list.id)
      showButton(list, next, count)
    }
    shown = null
    return update.innerHTML
  }

  function rowInUse() {
    const focused = document.activeElement?.closest("[data-steady] > [id]")
    return focused ?? $$("[data-steady] > [id]").find((row) => row.matches(":hover"))
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "live" || !event.detail.shouldSwap) return
    event.detail.serverResponse = steady(event.detail.serverResponse)
    const row = rowInUse()
    const focus = document.activeElement
    anchor = row && {
      id: row.id,
      top: row.getBoundingClientRect().top,
      focus: row.contains(focus) ? focus : null,
    }
  })

  /* --- after an update: put back the row and the focus -------------------------------------------------------------------- */

  function keepPlace(row) {
    const list = row.closest("[data-steady]")
    const drift = () => row.getBoundingClientRect().top - anchor.top
    if (Math.abs(drift()) < 1) return
    scrollBy({ top: drift(), behavior: "instant" })
    if (Math.abs(drift()) >= 1) list.style.marginTop = `${(parseFloat(list.style.marginTop) || 0) - drift()}px`
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "live" || !anchor) return
    const row = document.getElementById(anchor.id)
    if (row) keepPlace(row)
    if (anchor.focus && document.activeElement === document.body) (anchor.focus.isConnected ? anchor.focus : row)?.focus({ preventScroll: true })
    anchor = null
  })

  /* --- a list that is left, or whose changes are asked for ------------------------------------------------------------------ */

  function release() {
    for (const list of $$("[data-steady]")) {
      if (inUse(list)) continue
      list.style.marginTop = ""
      if (withheld.delete(list.id) && window.htmx) htmx.trigger(document.body, "refresh")
    }
  }

  document.addEventListener("pointerout", () => { if (withheld.size) setTimeout(release) })
  document.addEventListener("focusout", () => { if (withheld.size) setTimeout(release) })
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-show]")
    if (!button || !window.htmx) return
    shown = button.dataset.show
    htmx.trigger(document.body, "refresh")
  })

  /* --- panels: Escape and a click elsewhere close them ---------------------------------------------------------------------- */

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return
    const panel = $("details.drop[open]")
    if (!panel) return
    panel.open = false
    $("summary", panel).focus()
  })
  document.addEventListener("click", (event) => {
    for (const panel of $$("details.drop[open]")) if (!panel.contains(event.target)) panel.open = false
  })
})()
