/* Sending forms: each is sent once, and every failure names what was to be done, says why, and keeps the page.
   A form with `hx-post` is sent by htmx and changes nothing but the message. Any other form is sent by `sendForm`. */
(() => {
  "use strict"

  const ONCE_MS = 1000 // a double click is one click
  const TIMEOUT_MS = 20000
  const UNREACHABLE = "Breakwater is unreachable. Try again in a moment."
  const $ = (selector, within = document) => within.querySelector(selector)
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)]
  const sentAt = new Map() // URL: when a form was sent there
  let signedOut = false

  document.addEventListener("breakwater:signed-out", () => { signedOut = true })

  /* --- failures ---------------------------------------------------------------------------------------------------- */

  function showError(message, link) {
    const line = Object.assign(document.createElement("p"), { className: "notice notice-error", textContent: message })
    if (link) line.append(" ", link)
    $("#flash")?.replaceChildren(line)
    line.scrollIntoView({ block: "nearest" })
  }

  const parse = (text) => new DOMParser().parseFromString(text, "text/html")
  const nameOf = (form, submitter) => form.dataset.label ?? submitter?.textContent.trim() ?? $("button", form)?.textContent.trim()

  /* A request that got no response may have been carried out: its form can be sent again, and runs only once. */
  function showUnreachable(form, name) {
    sentAt.delete(form.action)
    showError(`Not confirmed: ${name}. ${UNREACHABLE}`)
  }

  function showFailure(form, name, status, text) {
    sentAt.delete(form.action)
    if (status === 401) {
      document.dispatchEvent(new CustomEvent("breakwater:signed-out"))
      const link = Object.assign(document.createElement("a"), { href: "/sign-in", target: "_blank", textContent: "Sign in again" })
      return showError(`Not done: ${name}. You are signed out.`, link)
    }
    const reason = $(".notice, .problem", parse(text))?.textContent.trim()
    showError(`Not done: ${name}. ${reason || `Breakwater responded with status ${status}.`}`)
  }

  /* --- once: a form is not sent again while it is sent, nor by the second click of a double click --------------------- */

  function isRepeated(form) {
    const now = Date.now()
    if (form.hasAttribute("aria-busy") || now - (sentAt.get(form.action) ?? 0) < ONCE_MS) return true
    sentAt.set(form.action, now)
    return false
  }

  /* A form whose result is known gets a new token: sending it again is a new action. A form without a response keeps its
     token, so that sending it again repeats nothing. A failed one keeps it too, because the server forgets failures. */
  function renewToken(form) {
    const field = $("[name=_form]", form)
    if (field) field.value = crypto.getRandomValues(new BigUint64Array(1))[0]
  }

  const setBusy = (form, on) => on ? form.setAttribute("aria-busy", "true") : form.removeAttribute("aria-busy")

  document.addEventListener("submit", (event) => {
    const form = event.target
    if (form.method !== "post") return
    if (event.submitter?.getAttribute("aria-disabled") === "true" || isRepeated(form)) {
      event.preventDefault()
      event.stopImmediatePropagation()
    } else if (!form.hasAttribute("hx-post") && $("[name=_csrf]", form)) {
      event.preventDefault()
      sendForm(form, event.submitter)
    }
  }, true)

  /* --- the session: a sign-in in one tab lets the other tabs of the same person go on -------------------------------- */

  const SESSION = "breakwater-session" // in the storage that tabs share: the mark of the latest session
  const personOf = (page) => $(".user-name", page)?.title
  const fetchPage = async () => parse(await (await fetch("/settings")).text())

  function adoptSession(page) {
    const token = $("[name=_csrf]", page)?.value
    for (const field of $$("[name=_csrf]")) field.value = token ?? field.value
    signedOut = !token
    if (!token) return
    document.body.dataset.session = page.body.dataset.session
    document.dispatchEvent(new CustomEvent("breakwater:signed-in"))
  }

  const refreshSession = async () => adoptSession(await fetchPage())

  async function followSession(mark) {
    if (!mark || mark === document.body.dataset.session) return
    const page = await fetchPage()
    if (personOf(page) === personOf(document)) adoptSession(page)
  }

  addEventListener("storage", ({ key, newValue }) => { if (key === SESSION) followSession(newValue).catch(() => {}) })
  document.addEventListener("DOMContentLoaded", () => {
    const mark = document.body.dataset.session
    if (mark) localStorage.setItem(SESSION, mark)
  })

  /* --- forms that lead to another page -------------------------------------------------------------------------------- */

  async function sendForm(form, submitter) {
    setBusy(form, true)
    const name = nameOf(form, submitter)
    try {
      if (signedOut) await refreshSession()
      const response = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form, submitter)),
        headers: { "HX-Request": "true", "HX-Target": "main" },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      if (response.ok) renewToken(form)
      await showResponse(form, name, response)
    } catch {
      showUnreachable(form, name)
    } finally {
      setBusy(form, false)
    }
  }

  /* A success leads to its page. Whatever else the response is, the address stays that of the form. */
  async function showResponse(form, name, response) {
    const to = response.headers.get("HX-Redirect") ?? (response.redirected ? response.url : null)
    if (to) return location.assign(to)
    const text = await response.text()
    const page = parse(text)
    const main = $("main", page)
    if (!main) return response.ok ? $("#flash").replaceWith($("#flash", page)) : showFailure(form, name, response.status, text)
    sentAt.delete(form.action)
    document.title = page.title
    $("#main").replaceChildren(...main.childNodes)
    if (window.htmx) htmx.process($("#main"))
    scrollTo(0, 0)
    $("#main [aria-invalid=true], #main [autofocus]")?.focus()
    document.dispatchEvent(new CustomEvent("breakwater:content"))
  }

  /* --- forms that htmx sends ------------------------------------------------------------------------------------------ */

  const isForm = (event) => event.detail.elt?.nodeName === "FORM"

  document.addEventListener("htmx:confirm", async (event) => {
    if (!signedOut || !isForm(event)) return
    event.preventDefault()
    await refreshSession().catch(() => {})
    event.detail.issueRequest()
  })
  document.addEventListener("htmx:beforeRequest", (event) => { if (isForm(event)) setBusy(event.detail.elt, true) })
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isForm(event)) return
    setBusy(event.detail.elt, false)
    if (event.detail.successful) renewToken(event.detail.elt)
  })
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, xhr } = event.detail
    if (xhr.status >= 500 || (xhr.status >= 400 && isForm(event))) event.detail.shouldSwap = false // keep the page
    if (xhr.status >= 400 && isForm(event)) showFailure(elt, nameOf(elt), xhr.status, xhr.responseText)
  })
  for (const failure of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => { if (isForm(event)) showUnreachable(event.detail.elt, nameOf(event.detail.elt)) })
  }
})()
