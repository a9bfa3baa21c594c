import { packFrames } from '@syncline/protocol'

/** Packs frames into messages, once for all who are sent the same. */
export interface Packing {
  /** Messages that say `frames`: the very same ones for who is packed the same frames directly after another. */
  pack(frames: readonly Uint8Array[]): readonly Uint8Array[]
  /** Forgets them. */
  clear(): void
}

export function createPacking(maxMessageBytes: number): Packing {
  let frames: readonly Uint8Array[] = []
  let messages: readonly Uint8Array[] = []

  function isPacked(wanted: readonly Uint8Array[]): boolean {
    if (wanted.length !== frames.length) return false
    for (let i = 0; i < wanted.length; i++) if (wanted[i] !== frames[i]) return false
    return true
  }

  return {
    pack(wanted) {
      if (!isPacked(wanted)) {
        messages = packFrames(wanted, maxMessageBytes)
        frames = wanted
      }
      return messages
    },
    clear() {
      frames = messages = []
    },
  }
}
