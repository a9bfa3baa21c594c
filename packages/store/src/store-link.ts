import { stand, type Campaign, type Office } from './campaign.ts'
import type { Core } from './core.ts'
import { lineOver } from './line.ts'
import type { LinkState } from './link.ts'
import { createLinking, type Linking } from './linking.ts'
import { createPeers, type Peers } from './peers.ts'
import { createPosting, type Posting } from './posting.ts'
import { createVigil } from './vigil.ts'

/** The link to the relay as the rest of its store sees it. */
export interface StoreLink {
  /** Whether this tab runs it. */
  isRunning(): boolean
  /** How it is doing, in this tab or in the one that runs it. */
  state(): LinkState
  /** How much the relay's clock is ahead of ours. */
  offsetMs(): number
  /** There is something new to send. */
  wake(): void
  sendPresence(slot: number, payload: Uint8Array): void
  /** Something that decides about the link has moved. */
  tend(): void
  /** An entry of another tab was taken in. */
  onEntry(): void
  /** The relay's order has to be asked for again, after this place. */
  onGap(after: number): void
  /** Another tab has taken the fence. */
  onFenced(): void
  /** This tab takes no part any more in the link of the browser. */
  strand(): void
  /** The store is closed. */
  end(): void
}

/** The link of a store, and who works with it. */
export interface Linked {
  readonly linking: Linking
  readonly posting: Posting
}

const AGENT = 'syncline/0'
/** How often the tab that runs the link looks what the log has. */
const LOOK_MS = 15_000

/** Brings the link into a store. */
export function linked(core: Core): Linked {
  const { clock, chance, settling } = core
  const { transport, credential, schema } = core.options
  core.on('hello', () => linking.onHello())
  const peers = core.use(peering)
  const posting = createPosting(core, { wake: () => linking.link()?.wake(), tell: core.tell })
  const linking = createLinking(core, {
    line:
      transport === undefined
        ? undefined
        : lineOver(transport, {
            clock,
            chance,
            agent: AGENT,
            schema: schema ?? 0,
            credential: credential ?? (() => noCredential),
          }),
    isLasting: core.isLasting,
    intake: core.intake,
    settling,
    posting,
    peers,
    onOvertaken: () => campaign?.giveWay(),
    tell: core.tell,
  })
  core.on('link', linking.onTab)
  core.on('wanted', linking.onWanted)
  core.on('gap', ({ after }) => linking.onGap(after))
  core.on('unwanted', ({ writer }) => posting.callOff(writer))

  let campaign: Campaign | undefined
  let isOver = false
  const vigil = createVigil(clock, chance, core.tell, () => campaign?.takeOver())
  /** A tab that died may have written without a word, and what it wrote has to be sent. */
  function look(): void {
    cancelLooking = clock.setTimer(LOOK_MS, () => {
      core.readNews()
      look()
    })
  }

  let cancelLooking: (() => void) | undefined
  /** Whether others can be asked, and robbed. */
  const isWatchful = core.locks?.steal !== undefined && core.options.storage?.channels !== undefined
  core.starting.add(() => {
    if (transport === undefined) return
    campaign = stand(core.locks, `link ${core.space}`, office)
    if (isWatchful) vigil.begin()
  })
  core.on('ask', (question) => {
    if (campaign?.isElected() === true) vigil.answer()
    else vigil.onAsk(question)
  })
  core.on('answer', vigil.onAnswer)
  const office: Office = {
    async begin() {
      vigil.end()
      // Others may be about to take it as well.
      if (isWatchful) vigil.answer()
      let fence: number | undefined
      try {
        if (core.locks !== undefined) fence = await core.takeFence()
        await core.journal.pull()
      } catch (error) {
        // Without working storage the relay is the only rescue, so the link runs all the same. That it is gone is in the status.
        if (core.gone === undefined) core.onError(error)
      }
      linking.elect({ fence })
      cancelLooking?.()
      look()
      settling.settle(true)
    },
    end() {
      cancelLooking?.()
      linking.elect(undefined)
      if (isWatchful && !isOver) vigil.begin()
    },
    onError: core.onError,
  }

  function end(): void {
    isOver = true
    campaign?.stop()
    vigil.end()
    linking.tend()
  }

  core.link = {
    isRunning: () => linking.link() !== undefined,
    state: linking.state,
    offsetMs: linking.offsetMs,
    wake: () => linking.link()?.wake(),
    sendPresence: (slot, payload) => linking.link()?.sendPresence(slot, payload),
    tend: linking.tend,
    onEntry() {
      linking.onEntry()
      linking.tend()
      const link = linking.link()
      if (link === undefined) return
      posting.tend()
      link.wake()
    },
    onGap: linking.onGap,
    onFenced() {
      campaign?.giveWay()
      linking.onFenced()
    },
    strand: end,
    end,
  }
  return { linking, posting }
}

/** Brings into a store what carries presence: its own, and, where the link runs, that of the other tabs. */
export function peering(core: Core): Peers {
  const peers = createPeers({
    locks: core.locks,
    clock: core.clock,
    chance: core.chance,
    onError: core.onError,
    tell: core.tell,
    send: (slot, payload) => core.link.sendPresence(slot, payload),
  })
  core.on('presence', peers.onTab)
  core.on('peer', peers.onTab)
  core.on('hello', () => peers.onHello(core.link.isRunning()))
  core.parting.add(peers.close)
  return peers
}

const noCredential = new Uint8Array()
