import type { WriterId } from '@syncline/stm'
import type { Channel, Channels } from './ports.ts'
import type { LinkState } from './link.ts'
import type { Answer, Question } from './vigil.ts'

/** What the tabs of one browser tell each other about a space. Data itself is read from the log, which they share. */
export type TabMessage =
  /** The log has grown. */
  | { readonly type: 'news' }
  /** The log will have grown in a moment; the tab may not be there any more to tell. */
  | { readonly type: 'leaving' }
  /** Whose work this is has signed out in this browser. */
  | { readonly type: 'signedOut' }
  /** A tab has come: whoever knows something tells it. */
  | { readonly type: 'hello' }
  /**
   * How the link is doing, from the tab that runs it, with its fence: what one before it has said may come later. `seenSeq` is how much it has of the relay's order;
   * older code does not say.
   */
  | {
      readonly type: 'link'
      readonly state: LinkState
      readonly offsetMs: number
      readonly fence: number | undefined
      readonly seenSeq?: number
    }
  /** Whoever was elected to run the link is to say that it does not stand still; and does. */
  | Question
  | Answer
  /** Whether the link is wanted, and how often it has been switched: what an earlier turn of the switch says is over. */
  | { readonly type: 'wanted'; readonly wanted: boolean; readonly turns: number }
  /** The log has a gap in the relay's order after this place. */
  | { readonly type: 'gap'; readonly after: number }
  /** The log has become a checkpoint: how many bytes that has, and how many have come since; and how much of it is pending. */
  | {
      readonly type: 'compacted'
      readonly held: number
      readonly tail: number
      readonly pendingBytes: number
      readonly pendingCount: number
    }
  /** Tabs get in each other's way when they commit together: they take turns for a while. */
  | { readonly type: 'turns' }
  /** The tab that waited for this envelope does not want it any more. */
  | { readonly type: 'unwanted'; readonly writer: WriterId }
  /** What the session of one tab shows of itself; null when it has gone. */
  | { readonly type: 'presence'; readonly slot: number; readonly payload: Uint8Array | null }
  /** What sessions behind the relay show of themselves, from the tab that runs the link; null when gone. */
  | { readonly type: 'peer'; readonly peer: string; readonly payload: Uint8Array | null }

/** Tells whether what a tab says of the link still counts: one before the newest that was heard may be late, and says nothing about it. */
export function createHearing(): (message: Pick<Extract<TabMessage, { type: 'link' }>, 'fence'>) => boolean {
  let newest = 0
  return ({ fence = newest }) => {
    if (fence < newest) return false
    newest = fence
    return true
  }
}

/** The other tabs of this browser that have the same space open. */
export interface Tabs {
  tell(message: TabMessage): void
  close(): void
}

/** Joins the other tabs. Without channels a tab is alone. */
export function joinTabs(
  channels: Channels | undefined,
  space: string,
  onMessage: (message: TabMessage) => void,
): Tabs {
  if (channels === undefined) return { tell: () => undefined, close: () => undefined }
  const channel: Channel = channels.open(`space ${space}`, (message) => {
    if (isTabMessage(message)) onMessage(message)
  })
  return {
    tell: (message) => channel.post(message),
    close: () => channel.close(),
  }
}

/** What nobody here listens for is passed over: another tab may run another version of this code. */
function isTabMessage(message: unknown): message is TabMessage {
  return typeof message === 'object' && message !== null && 'type' in message
}
