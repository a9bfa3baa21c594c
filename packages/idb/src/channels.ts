import type { Channel, Channels } from '@syncline/store'
import { originWide } from './format.ts'
import type { Surroundings } from './surroundings.ts'

/** Channels of the tabs that use the storage called `name`, by BroadcastChannel; undefined where there is none. */
export function createChannels(name: string, { openChannel }: Surroundings): Channels | undefined {
  if (openChannel === undefined) return undefined
  return {
    open(key, onMessage): Channel {
      const channel = openChannel(originWide(name, key))
      let closed = false
      channel.onmessage = ({ data }: MessageEvent<unknown>) => onMessage(data)
      return {
        post(message) {
          if (!closed) channel.postMessage(message)
        },
        close() {
          closed = true
          // What is on its way is not told any more.
          channel.onmessage = null
          channel.close()
        },
      }
    },
  }
}
