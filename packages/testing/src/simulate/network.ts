import { createFrameReader, MAX_PACKET_BYTES, recordAuthor } from '@syncline/protocol'
import type { Connection, Transport, TransportEvents } from '@syncline/store'
import type { Kernel } from './kernel.ts'
import type { Life } from './life.ts'
import type { Relay } from '@syncline/relay'
import { SLOW_MS, type Weather } from './weather.ts'

/** The ways between browsers and the relay. Messages of one connection come in order, whole, once, or not at all: as on a WebSocket. */
export interface Network {
  /** The way that one browser has. */
  way(browser: string): Way
  /** A relay hears from now on; the one before, if any, is gone. */
  serve(life: Life, relay: Relay): void
  /** Connections that one of both sides believes in. */
  size(): number
}

/** One browser's way to the relay. */
export interface Way {
  /** What one of its tabs connects with. */
  transport(life: Life): Transport
  /** For so long nothing gets through. Connections stall, and go on with what has waited, or break. */
  part(ms: number): void
  /** Breaks its connections. Of what is under way some is lost. False when there is none. */
  break(): boolean
  /** Its connections swallow from now on what is sent up, or down, or both, and nobody is told. False when there is none. */
  swallow(): boolean
  /** Ends a parting, and tells the tabs that the network is back. */
  mend(): void
  isParted(): boolean
}

/** How messages were troubled, to be counted. */
export type Trouble = 'delay' | 'loss' | 'reordering' | 'halfOpen' | 'duplication' | 'partition'

/** No connection may be made. */
const REFUSED_MS = [1, 100, 3000]

export function createNetwork(kernel: Kernel, weather: Weather, count: (what: Trouble) => void): Network {
  const { decider } = kernel
  const wires = new Set<Wire>()
  let serving: { readonly life: Life; readonly relay: Relay } | undefined
  let lastNumber = 0

  interface Wire {
    readonly browser: string
    breakOff(): void
    swallow(): void
  }

  function way(browser: string): Way {
    let partedUntilMs = 0
    /** Whether anything has met with this parting. */
    let isPartingFelt = false
    const nudges = new Set<() => void>()
    const own = (): Wire[] => [...wires].filter((wire) => wire.browser === browser)
    /** The newest connection on which a relay has heard something. */
    let newestHeard = 0
    /** Changes that have reached a relay, by writer. What one has heard that has died since, the next may never have. */
    const arrivedAt = new WeakMap<Life, Map<string, number>>()
    const stallMs = (): number => Math.max(0, partedUntilMs - kernel.nowMs())
    const feelParting = (): void => {
      if (!isPartingFelt) count('partition')
      isPartingFelt = true
    }

    function connect(life: Life, events: TransportEvents): Connection {
      if (life.isOver()) return { bufferedBytes: 0, send: () => undefined, close: () => undefined }
      const number = ++lastNumber
      const [up, down] = [`up ${number}`, `down ${number}`]
      const client = { isOver: false, isDeaf: false }
      const server = { isOver: false, isDeaf: false }
      let side: ReturnType<Relay['accept']> | undefined
      let host: Life | undefined
      let isBroken = false
      /** Of what was under way when it broke. */
      let isUpLost = false
      let isDownLost = false
      let hasSwallowed = false

      const wire: Wire = { browser, breakOff, swallow }
      wires.add(wire)
      const stopWatching = life.onEnd(() => {
        client.isOver = true
        closeUp()
      }, 'connection')
      let stopWatchingHost = (): void => undefined
      let callOff = (): void => undefined

      const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })

      /** A Change is sent again when nobody has heard that it came: the one way in which anything comes twice. */
      function countRepeated(message: Uint8Array): void {
        let arrived = arrivedAt.get(host!)
        if (arrived === undefined) arrivedAt.set(host!, (arrived = new Map()))
        for (const frame of reader.push(message)) {
          if (frame.type !== 'changes') continue
          for (const { writer, seq } of frame.records.map(recordAuthor)) {
            if (seq <= (arrived.get(writer) ?? 0)) count('duplication')
            else arrived.set(writer, seq)
          }
        }
      }

      function tidy(): void {
        if (client.isOver) stopWatching()
        if (server.isOver) stopWatchingHost()
        if (client.isOver && server.isOver) wires.delete(wire)
      }

      function endClient(code: number, reason: string): void {
        if (client.isOver) return
        client.isOver = true
        tidy()
        events.onClose(code, reason)
      }

      function endServer(): void {
        if (server.isOver) return
        server.isOver = true
        tidy()
        side?.onClose()
      }

      /** The client's end reaches the relay, after all that it has sent, unless the way swallows it. */
      function closeUp(): void {
        if (side === undefined) {
          server.isOver = true
          // Nobody is on the way to the relay any more.
          callOff()
        } else if (!server.isDeaf) {
          host!.plan({ kind: 'message', label: 'close', channel: up, from: life.party, inMs: upMs(), run: endServer })
        }
        tidy()
      }

      const upMs = (): number => stalledMs() + weather.networkMs(`up ${browser}`)
      const downMs = (): number => stalledMs() + weather.networkMs(`down ${browser}`)

      function stalledMs(): number {
        const ms = stallMs()
        if (ms > 0) feelParting()
        return ms
      }

      /** What is sent now on a connection that is half open. What is sent on one that has broken was not under way. */
      function countSwallowed(): void {
        if (!isBroken && !hasSwallowed) count('halfOpen')
        hasSwallowed = true
      }

      function breakOff(): void {
        if (isBroken) return
        isBroken = true
        // What was sent before may still come, long after the browser has connected anew.
        isUpLost = decider.happens(`break ${browser}`, 0.6)
        isDownLost = decider.happens(`break ${browser}`, 0.6) && !client.isOver
        if (side === undefined || host!.isOver()) {
          server.isOver = true
          callOff()
        } else {
          const lateMs = [0, 100, 5000][decider.choose(`break ${browser}`, 3)]!
          host!.plan({ kind: 'message', label: 'break', channel: up, from: life.party, inMs: lateMs, run: endServer })
        }
        life.plan({
          kind: 'message',
          label: 'break',
          channel: isDownLost ? undefined : down,
          from: 'relay',
          inMs: weather.networkMs(`down ${browser}`),
          run: () => endClient(1006, ''),
        })
        client.isDeaf = true
        server.isDeaf = true
        tidy()
      }

      function swallow(): void {
        const which = decider.choose(`half-open ${browser}`, 3)
        if (which !== 1) server.isDeaf = true
        if (which !== 2) client.isDeaf = true
      }

      function open(): void {
        if (isBroken || client.isOver) {
          server.isOver = true
          tidy()
          return
        }
        if (stallMs() > 0 || serving === undefined || serving.life.isOver()) {
          if (stallMs() > 0) feelParting()
          const inMs = REFUSED_MS[decider.choose(`refused ${browser}`, REFUSED_MS.length)]!
          server.isOver = true
          tidy()
          life.plan({
            kind: 'message',
            label: 'refused',
            channel: down,
            from: 'network',
            inMs,
            run: () => endClient(1006, ''),
          })
          return
        }
        const { life: itsLife, relay } = serving
        host = itsLife
        stopWatchingHost = host.onEnd(() => {
          server.isOver = true
          // A process that ends resets its connections; of a machine that ends nobody hears.
          if (decider.happens(`reset ${browser}`, 0.7) && !client.isOver) {
            life.plan({
              kind: 'message',
              label: 'reset',
              channel: down,
              from: 'relay',
              inMs: weather.networkMs(`down ${browser}`),
              run: () => endClient(1006, ''),
            })
          }
          tidy()
        }, 'connection')
        side = relay.accept(
          {
            bufferedBytes: 0,
            send(message) {
              if (server.isOver) return
              if (client.isDeaf) {
                if (!client.isOver) countSwallowed()
                return
              }
              const bytes = message.slice()
              const travelMs = weather.networkMs(`down ${browser}`)
              life.plan({
                kind: 'message',
                label: 'down',
                channel: down,
                from: 'relay',
                bytes,
                inMs: stalledMs() + travelMs,
                run() {
                  if (isDownLost) count('loss')
                  else if (!client.isOver) {
                    if (travelMs >= SLOW_MS) count('delay')
                    events.onMessage(bytes.slice())
                  }
                },
              })
            },
            close(code, reason) {
              if (server.isOver) return
              life.plan({
                kind: 'message',
                label: `close ${code}`,
                channel: down,
                from: 'relay',
                inMs: downMs(),
                run: () => endClient(code, reason),
              })
              host!.plan({ kind: 'message', label: 'closed', run: endServer })
            },
          },
          browser,
        )
        life.plan({
          kind: 'message',
          label: 'open',
          channel: down,
          from: 'relay',
          inMs: downMs(),
          run: () => {
            if (!client.isOver) events.onOpen()
          },
        })
      }

      // The relay is asked at its side; it may be another one by then, or none.
      callOff = life.planUnfrozen({ kind: 'message', label: 'connects', channel: up, inMs: upMs(), run: open })

      return {
        bufferedBytes: 0,
        send(message) {
          if (client.isOver || side === undefined) return
          if (server.isDeaf) {
            if (!server.isOver) countSwallowed()
            return
          }
          const bytes = message.slice()
          const travelMs = weather.networkMs(`up ${browser}`)
          host!.plan({
            kind: 'message',
            label: 'up',
            channel: up,
            from: life.party,
            bytes,
            inMs: stalledMs() + travelMs,
            run() {
              if (server.isOver) return
              if (isUpLost) {
                count('loss')
                return
              }
              if (travelMs >= SLOW_MS) count('delay')
              if (number < newestHeard) count('reordering')
              else newestHeard = number
              countRepeated(bytes)
              side!.onMessage(bytes.slice())
            },
          })
        },
        close(code = 1000, reason = '') {
          if (client.isOver) return
          closeUp()
          life.plan({ kind: 'message', label: 'closed', inMs: 0.1, run: () => endClient(code, reason) })
        },
      }
    }

    return {
      transport: (life) => ({
        connect: (events) => connect(life, events),
        onNudge(listener) {
          const nudge = (): void => void life.plan({ kind: 'news', label: 'the network is back', run: listener })
          nudges.add(nudge)
          const stopWatching = life.onEnd(() => nudges.delete(nudge), 'listener to the network')
          return () => {
            stopWatching()
            nudges.delete(nudge)
          }
        },
      }),
      part(ms) {
        partedUntilMs = Math.max(partedUntilMs, kernel.nowMs() + ms)
        isPartingFelt = false
        for (const wire of own()) {
          if (!decider.happens(`parting ${browser}`, 0.4)) continue
          feelParting()
          wire.breakOff()
        }
      },
      break() {
        const broken = own()
        for (const wire of broken) wire.breakOff()
        return broken.length > 0
      },
      swallow() {
        const deaf = own()
        for (const wire of deaf) wire.swallow()
        return deaf.length > 0
      },
      mend() {
        if (stallMs() === 0) return
        partedUntilMs = kernel.nowMs()
        for (const nudge of [...nudges]) nudge()
      },
      isParted: () => stallMs() > 0,
    }
  }

  return {
    way,
    serve: (life, relay) => void (serving = { life, relay }),
    size: () => wires.size,
  }
}
