/* The live stream as a tab sees it: an EventSource that all tabs of a session share through a worker. Where there are
   no shared workers, or theirs fails, the tab has a stream of its own. A hidden tab gives its stream up and opens it
   again when shown. */
(() => {
  "use strict"

  const HIDDEN_MS = 30000
  const RETRY_MS = 2000
  const TYPES = ["open", "error", "hint", "signed-out"]
  const worker = document.body.dataset.streamWorker
  let stream = null
  let hideTimer = null
  let ended = false

  /* Pass the events of the stream to `receive`; return the function that leaves it. */
  function followStream(url, receive) {
    try {
      return shareStream(url, receive)
    } catch {
      return openStream(url, receive) // the browser has no shared workers, or does not allow them
    }
  }

  /* Each session has its own worker: a stream that was opened in one session must not end the streams of the next. */
  function shareStream(url, receive) {
    const shared = new SharedWorker(worker, { name: document.body.dataset.session })
    const { port } = shared
    let leave = () => {
      shared.onerror = port.onmessage = null
      port.postMessage({})
    }
    shared.onerror = () => { // its script was not loaded
      leave()
      leave = openStream(url, receive)
    }
    port.onmessage = ({ data }) => receive(data.type, data.data)
    port.postMessage({ on: new URL(url, location).searchParams.getAll("on") })
    return () => leave()
  }

  /* The same for a stream of this tab alone. A browser gives up after an error status, so this opens the stream again. */
  function openStream(url, receive) {
    let retry = null
    let source = null
    const open = () => {
      source = new EventSource(url)
      for (const type of TYPES) source.addEventListener(type, ({ data }) => receive(type, data))
      source.addEventListener("error", () => {
        if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS)
      })
    }
    open()
    return () => {
      clearTimeout(retry)
      source.close()
    }
  }

  /* What htmx listens to. It outlives the streams that it opens, because htmx subscribes to it only once. */
  class LiveStream extends EventTarget {
    readyState = EventSource.CONNECTING
    #url
    #leave = null

    constructor(url) {
      super()
      this.#url = url
    }

    open() {
      if (this.#leave || ended) return
      this.#leave = followStream(this.#url, (type, data) => {
        if (type === "signed-out") return document.dispatchEvent(new CustomEvent("breakwater:signed-out"))
        const event = type === "hint" ? new MessageEvent(type, { data }) : new Event(type)
        this.dispatchEvent(event)
        this[`on${type}`]?.(event)
      })
    }

    close() {
      this.#leave?.()
      this.#leave = null
    }
  }

  function followVisibility() {
    clearTimeout(hideTimer)
    if (document.hidden) hideTimer = setTimeout(() => stream?.close(), HIDDEN_MS)
    else stream?.open()
  }

  document.addEventListener("visibilitychange", followVisibility)
  document.addEventListener("breakwater:signed-out", () => {
    ended = true
    stream?.close()
  })
  document.addEventListener("breakwater:signed-in", () => {
    ended = false
    stream?.close() // it may belong to the previous session
    followVisibility()
  })
  addEventListener("pagehide", () => stream?.close())
  addEventListener("pageshow", (event) => { if (event.persisted) followVisibility() })
  if (!window.htmx) return
  htmx.createEventSource = (url) => { // set before htmx processes the page
    stream?.close()
    stream = new LiveStream(url)
    followVisibility()
    return stream
  }
})()
