import type { Life } from '../life.ts'
import type { Weather } from '../weather.ts'

/** The channels of one browser, by name: messages among its tabs. */
export interface SimulatedChannels {
  /** A channel as one tab has it: the part of a `BroadcastChannel` that is used. */
  open(life: Life, name: string): SimulatedChannel
  /** Channels that are open. */
  size(): number
}

interface SimulatedChannel {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
}

// Browsers and Node have it; the compiler of this package knows neither.
const { structuredClone: clone } = globalThis as unknown as { structuredClone<T>(value: T): T }

/** Messages of one tab to another come in order; those of different tabs do as the weather wants. */
export function createChannels(weather: Weather): SimulatedChannels {
  const members = new Map<string, Set<Member>>()

  return {
    open(life, name) {
      if (life.isOver()) return { onmessage: null, postMessage: () => undefined, close: () => undefined }
      const member: Member = { life, channel: { onmessage: null, postMessage, close } }
      let those = members.get(name)
      if (those === undefined) members.set(name, (those = new Set()))
      those.add(member)
      const stopWatching = life.onEnd(close, `channel ${name}`)
      const siblings = those

      function postMessage(message: unknown): void {
        if (life.isOver() || !siblings.has(member)) return
        for (const other of siblings) {
          if (other === member) continue
          const data = clone(message)
          other.life.plan({
            kind: 'news',
            label: name,
            channel: `news ${life.party} → ${other.life.party}`,
            from: life.party,
            inMs: weather.newsMs(other.life.party),
            run() {
              if (siblings.has(other)) other.channel.onmessage?.({ data })
            },
          })
        }
      }

      function close(): void {
        stopWatching()
        siblings.delete(member)
      }

      return member.channel
    },
    size: () => [...members.values()].reduce((sum, { size }) => sum + size, 0),
  }
}

interface Member {
  readonly life: Life
  readonly channel: SimulatedChannel
}
