import type { Page } from '@playwright/test'
import { expect, test } from './support/lab.ts'
import { openProfile, type Profile } from './support/profile.ts'
import { type Renderer, rendererOf } from './support/renderer.ts'
import { socketOf } from './support/wire.ts'

/** How a page ends: two ways of which it is not told, and two of which it is. */
const ends = ['crash', 'kill', 'close', 'navigation'] as const
type End = (typeof ends)[number]
const isTold = (end: End): boolean => end === 'close' || end === 'navigation'

/** How long after its last edit. */
const delaysMs = [0, 5, 20]

const isLong = process.env.SYNCLINE_LONG === '1'
/** 12 rounds, or 204. */
const roundCount = (isLong ? 17 : 1) * ends.length * delaysMs.length
/** What each page has been promised, at least, before its end. */
const promisedFirst = 10
/** Edits that follow, one behind the other. Where the end comes at once there are always more, until the page is gone. */
const lastEdits = 5
/** Edits that a page makes when it is told of its end. */
const lastWords = 3

interface Round {
  readonly end: End
  readonly delayMs: number
  /** What the ids of its cards start with. */
  readonly prefix: string
  /** How many edits were made, as far as is known. */
  made: number
  /** Which of them were said to be durable. */
  readonly promised: Set<number>
}

interface Content {
  /** How the storage is: a page that could not open it shows nothing of what is stored. */
  readonly storage: string
  readonly ids: readonly string[]
  readonly writes: number
}

declare global {
  interface Window {
    /** Tells the test, without waiting for it. */
    made(count: string): void
    promised(edit: string): void
    isEnding(nothing: string): void
  }
}

test('[ST37] [ID2] [ID19] whatever ends a page or its browser, what it was promised is there, and what is there is a prefix of whole commits', async ({
  labUrl,
  space,
  relay,
  openLab,
  launchOptions,
}) => {
  if (isLong) test.setTimeout(1_200_000)
  const witness = await openLab()
  const profile = await openProfile(launchOptions)
  /** Of the edits that nobody was promised: how many there were, and how many are there. */
  const unpromised = new Map(ends.map((end) => [end, { made: 0, kept: 0 }]))
  let promised = 0
  let total = 0
  /** Pages that were told of their end, and those of them of which everything is there. */
  const told = { pages: 0, whole: 0 }
  try {
    // Beside the first page, so that the browser does not end with it.
    let page = await profile.context.newPage()
    // Every other time nobody but this browser has it: it goes to the relay from the next page.
    const openNext = (number: number): Promise<Content> =>
      openAndRead(page, labUrl, number % 2 === 0 ? { space, relay: socketOf(relay.url) } : { space })

    await openNext(0)
    for (let number = 0; number < roundCount; number++) {
      const round: Round = {
        end: ends[number % ends.length]!,
        delayMs: delaysMs[Math.floor(number / ends.length) % delaysMs.length]!,
        prefix: `round${number}-`,
        made: 0,
        promised: new Set(),
      }
      const { isEnding } = await listenTo(page, round)
      const renderer = await rendererOf(page)
      const { end, delayMs, prefix } = round
      const working = page.evaluate(editUntilTheEnd, {
        end,
        delayMs,
        prefix,
        promisedFirst,
        lastEdits,
        lastWords,
        isTold: isTold(end),
      })
      // The end cuts it off.
      working.catch(() => undefined)
      await isEnding
      page = await endPage(page, renderer, round, profile)

      // Read before the relay can have told anything.
      const content = await openNext(number + 1)
      expect(content).toMatchObject({ storage: 'ok' })
      const kept = keptOf(round, content)
      if (isTold(end)) {
        told.pages++
        if (kept >= round.made + lastWords) told.whole++
      }
      expect(content.ids).toHaveLength(total + kept)
      // Each commit wrote both.
      expect(content.writes).toBe(content.ids.length)
      total = content.ids.length
      promised += round.promised.size
      const count = unpromised.get(end)!
      count.made += round.made + (isTold(end) ? lastWords : 0) - round.promised.size
      count.kept += kept - round.promised.size
    }

    await openAndRead(page, labUrl, { space, relay: socketOf(relay.url) })
    await page.evaluate(() => lab.store.synced())
    await witness.page.evaluate((seq) => lab.until(() => lab.store.snapshot.basis.relaySeq === seq), total)
    const atTheEnd = await read(witness.page)
    expect(atTheEnd).toEqual(await read(page))
    expect(atTheEnd).toMatchObject({ writes: total, ids: { length: total } })
  } finally {
    await profile.remove()
  }
  expect(promised).toBeGreaterThanOrEqual(100)
  // They hand over all that waits. Chromium aborts what it has not committed by the time that the page is gone, whether or not its commit was asked for
  // (`Connection::AbortTransactionsAndClose`): on a busy machine it may be late for the last of it. Handed over any later, next to none would be whole.
  expect(told.pages).toBe(roundCount / 2)
  expect(told.whole).toBeGreaterThanOrEqual(told.pages / 2)
  const words = [...unpromised].map(([end, { made, kept }]) => `${end} ${kept} of ${made}`)
  test.info().annotations.push({
    type: 'kept',
    description: `all ${promised} that were promised; of the others ${words.join(', ')}; all of ${told.whole} of ${told.pages} pages that were told`,
  })
})

/** How many edits of a round are there: a prefix, with all that was promised. */
function keptOf({ prefix, promised }: Round, { ids }: Content): number {
  const kept = ids
    .filter((id) => id.startsWith(prefix))
    .map((id) => Number(id.slice(prefix.length)))
    .sort((a, b) => a - b)
  expect(kept).toEqual(kept.map((_, i) => i))
  expect([...promised].filter((edit) => edit >= kept.length)).toEqual([])
  return kept.length
}

/**
 * Hears what a page says of its edits; resolves when that has begun, to what resolves when the end is to come. Plain words of the browser, for what
 * Playwright offers answers each of them, which is more work than the edits.
 */
async function listenTo(page: Page, round: Round): Promise<{ readonly isEnding: Promise<void> }> {
  const devtools = await page.context().newCDPSession(page)
  const isEnding = new Promise<void>((resolve) => {
    devtools.on('Runtime.bindingCalled', ({ name, payload }) => {
      if (name === 'made') round.made = Number(payload)
      else if (name === 'promised') round.promised.add(Number(payload))
      else if (name === 'isEnding') resolve()
    })
  })
  await devtools.send('Runtime.enable')
  for (const name of ['made', 'promised', 'isEnding']) await devtools.send('Runtime.addBinding', { name })
  return { isEnding }
}

/** Ends a page that edits, or has just made its last edit; returns one to go on with. */
async function endPage(page: Page, renderer: Renderer, { end, delayMs }: Round, profile: Profile): Promise<Page> {
  if (end === 'navigation') {
    await page.waitForURL('about:blank')
    return page
  }
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
  if (end === 'kill') {
    await profile.kill()
    await profile.start()
    return profile.context.newPage()
  }
  if (end === 'crash') await renderer.kill()
  await page.close()
  return profile.context.newPage()
}

/** Loads the page and opens the store; resolves to what is there at once. */
async function openAndRead(
  page: Page,
  labUrl: string,
  options: { readonly space: string; readonly relay?: string },
): Promise<Content> {
  await page.goto(labUrl)
  return page.evaluate(async (it) => {
    await lab.open(it)
    const { storage, storageError } = lab.store.status
    const ids = lab.store.get(lab.cards)
    return { storage: storageError?.message ?? storage, ids, writes: lab.store.get(lab.writes) }
  }, options)
}

function read(page: Page): Promise<Omit<Content, 'storage'>> {
  return page.evaluate(() => ({ ids: lab.store.get(lab.cards), writes: lab.store.get(lab.writes) }))
}

/** Runs in the page. */
async function editUntilTheEnd({
  end,
  delayMs,
  prefix,
  promisedFirst: first,
  lastEdits: last,
  lastWords: words,
  isTold,
}: Pick<Round, 'end' | 'delayMs' | 'prefix'> & {
  readonly promisedFirst: number
  readonly lastEdits: number
  readonly lastWords: number
  readonly isTold: boolean
}): Promise<void> {
  const leave = (): void => void (location.href = 'about:blank')
  const edit = (at: number): Promise<unknown> => {
    const receipt = lab.store.transact((tx) => {
      tx.create(lab.cards.at(`${prefix}${at}`), { title: `Edit ${at}` })
      tx.add(lab.writes, 1)
    })
    return receipt.durable().then(
      () => window.promised(String(at)),
      () => undefined,
    )
  }
  let count = 0
  if (isTold) {
    // Before the store hears of it, and after.
    addEventListener('pagehide', () => void edit(count++), { capture: true })
    for (let i = 1; i < words; i++) addEventListener('pagehide', () => void edit(count++))
  }
  while (count < first) await edit(count++)
  for (let burst = 0; burst === 0 || delayMs === 0; burst++) {
    // One behind the other, while the first of them is being stored.
    for (const until = count + last; count < until; await Promise.resolve()) void edit(count++)
    window.made(String(count))
    if (burst === 0) {
      window.isEnding('')
      if (end === 'navigation') {
        if (delayMs === 0) leave()
        else setTimeout(leave, delayMs)
      }
    }
    // A page without a pause is not even closed.
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
