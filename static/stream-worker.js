/* The live stream of a session, shared by its tabs: a browser opens at most six connections to one host over HTTP/1.1.
   A tab sends `{on: [word, ...]}` to subscribe and `{}` to leave. It gets `{type, data}` for each event. */
"use strict"

const RETRY_MS = 2000
const MAX_WORDS = 100 // as many as the server reads
const tabs = new Map() // port: Set of words
let source = null
let words = new Set()
let retry = null

const wanted = () => new Set([...tabs.values()].flatMap((tab) => [...tab]))
const publish = (type, data, among = () => true) => {
  for (const [port, tab] of tabs) if (among(tab)) port.postMessage({ type, data })
}

function stop() {
  clearTimeout(retry)
  source?.close()
  source = null
}

/* Open a stream for all tabs. The previous one closes when this one is open, so that no change in between is missed. */
function open() {
  clearTimeout(retry)
  const previous = source
  words = wanted()
  const query = [...words].map((word) => `on=${encodeURIComponent(word)}`).join("&")
  const opened = source = new EventSource(`/events?${query}`)
  opened.onopen = () => {
    previous?.close()
    publish("open")
  }
  opened.onerror = () => {
    previous?.close()
    if (opened !== source) return
    publish("error")
    if (opened.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS)
  }
  opened.addEventListener("hint", ({ data }) => {
    const met = data.split(" ")
    publish("hint", data, (tab) => met.some((word) => tab.has(word)))
  })
  opened.addEventListener("signed-out", () => publish("signed-out"))
}

function subscribe(port, on) {
  tabs.set(port, new Set(on))
  const covered = source && source.readyState !== EventSource.CLOSED && on.every((word) => words.has(word))
  if (!covered || words.size > MAX_WORDS) open()
  else if (source.readyState === EventSource.OPEN) port.postMessage({ type: "open" })
}

function leave(port) {
  tabs.delete(port)
  port.close()
  if (!tabs.size) stop()
}

onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => (data.on ? subscribe(port, data.on) : leave(port))
}
