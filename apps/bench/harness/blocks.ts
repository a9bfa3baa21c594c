/** Watches how long a page could not do anything else. */
export interface Watch {
  /** The longest block in milliseconds since the last time that this was asked, or since it was begun. */
  longest(): number
  /** Ends it, and gives the longest since it was last asked. */
  end(): Promise<number>
}

/** Goes round in the page's own tasks: the longest time between two is the longest that it did something else. */
export function watchBlocks(): Watch {
  const channel = new MessageChannel()
  let last = performance.now()
  let longest = 0
  let onRound: (() => void) | undefined
  channel.port1.onmessage = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (onRound === undefined) channel.port2.postMessage(0)
    else onRound()
  }
  channel.port2.postMessage(0)
  return {
    longest() {
      const found = longest
      longest = 0
      return found
    },
    async end() {
      await new Promise<void>((resolve) => (onRound = resolve))
      channel.port1.close()
      return longest
    },
  }
}
