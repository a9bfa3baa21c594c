import type { WriterId } from '@syncline/stm'
import type { Core } from './core.ts'
import type { Refusal } from './refusals.ts'
import type { Envelope } from './replica.ts'
import type { TabMessage } from './tabs.ts'

/** Brings the envelopes of this browser to the relay: sends those of tabs that live, and calls off those of tabs that are dead. */
export interface Posting {
  /** Envelopes that may be sent, in the order of the log. */
  sendable(): Iterable<Envelope>
  /** Envelopes that shall not be, unless the relay has them already. */
  calledOff(): Iterable<WriterId>
  /** Nobody wants this one any more. It is undecided until the relay answers. */
  callOff(writer: WriterId): void
  /** Another tab runs the link, and may not know. */
  onLink(): void
  /** Finds out about the envelopes of other tabs. Called where the link runs. */
  tend(): void
  /** The relay has refused a Change. True when that was an envelope, and is dealt with. */
  refuse(refusal: Refusal): boolean
}

/** What posting needs beside the core. */
export interface PostingSide {
  /** There is something new to say to the relay. */
  wake(): void
  tell(message: TabMessage): void
}

/** Makes the posting of one open store. */
export function createPosting(core: Core, { wake, tell }: PostingSide): Posting {
  const { replica, writers, envelopes } = core
  /** Writers of other tabs that have envelopes and whose death is waited for, and those of them that were found alive. */
  const watched = new Set<WriterId>()
  const living = new Set<WriterId>()
  const unwanted = new Set<WriterId>()

  /** What a dead tab has left is called off. Before we know that a tab lives nothing of it is sent, as nobody may be waiting for it. */
  async function watch(tab: WriterId): Promise<void> {
    if (await writers.isAlive(tab)) {
      living.add(tab)
      wake()
    }
    await writers.forDead(tab, async () => {
      living.delete(tab)
      watched.delete(tab)
      // What became of them may be in the log.
      await core.journal.pull()
      for (const [writer, { by }] of replica.envelopes) if (by === tab && !envelopes.isOurs(writer)) callOff(writer)
    })
  }

  function callOff(writer: WriterId): void {
    if (core.isClosed || unwanted.has(writer) || !replica.envelopes.has(writer)) return
    unwanted.add(writer)
    if (envelopes.isOurs(writer)) tell({ type: 'unwanted', writer })
    wake()
  }

  return {
    *sendable() {
      for (const [writer, envelope] of replica.envelopes) {
        if (!unwanted.has(writer) && (envelopes.isOurs(writer) || living.has(envelope.by))) yield envelope
      }
    },
    *calledOff() {
      for (const writer of unwanted) {
        if (replica.envelopes.has(writer)) yield writer
        else unwanted.delete(writer)
      }
    },
    callOff,
    onLink() {
      for (const writer of unwanted) if (envelopes.isOurs(writer)) tell({ type: 'unwanted', writer })
    },
    tend() {
      for (const [writer, { by }] of replica.envelopes) {
        if (envelopes.isOurs(writer) || watched.has(by)) continue
        watched.add(by)
        watch(by).catch((error: unknown) => {
          watched.delete(by)
          core.onError(error)
        })
      }
    },
    refuse({ writer, code, message }) {
      if (!replica.envelopes.has(writer)) return replica.isDismissed(writer)
      // For the other tabs, and for those to come.
      core.journal.write({ kind: 'decided', writer, code, message }).catch(core.onError)
      replica.dismiss(writer)
      core.undoing.onDismissed(writer)
      envelopes.decide(writer, { kind: 'refused', code, message })
      return true
    },
  }
}
