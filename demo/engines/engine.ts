export type EngineName = 'firefox' | 'webkit'

/** A browser that is not Chromium, driven by what it offers itself: Playwright drives builds of its own only, which are not to be had everywhere. */
export interface Engine {
  readonly name: EngineName
  /** As it calls itself. */
  readonly version: string
  openTab(url: string): Promise<Tab>
  close(): Promise<void>
}

/** One whose profile is on the disk. */
export interface LastingEngine extends Pick<Engine, 'openTab' | 'close'> {
  /** Ends it without a word, as a power button does, and starts it on what it has stored. Its tabs are gone. */
  restart(): Promise<void>
}

export interface Tab {
  goto(url: string): Promise<void>
  /** Runs a function in the page and resolves to what it returns, or resolves to, as JSON has it. */
  evaluate<T>(body: () => T): Promise<Awaited<T>>
  evaluate<T, A>(body: (argument: A) => T, argument: A): Promise<Awaited<T>>
  /** Does what a person does, with events that the browser trusts. */
  perform(actions: readonly InputSource[]): Promise<void>
  close(): Promise<void>
}

/** One device and what it does, in the words that WebDriver and WebDriver BiDi share (https://w3c.github.io/webdriver/#actions). */
interface InputSource {
  readonly type: 'key' | 'pointer'
  readonly id: string
  readonly actions: readonly object[]
}

/** A function as an expression that takes its argument as JSON and gives a promise of its result as JSON. */
export function asCall(body: (argument: never) => unknown, argument: unknown): string {
  // There is no undefined in JSON.
  return `Promise.resolve((${body.toString()})(${JSON.stringify(argument) ?? 'undefined'})).then((it) => JSON.stringify(it) ?? 'null')`
}

/** Clicks in the middle of the first element that matches and whose name or text is `name`. */
export async function click(tab: Tab, selector: string, name?: string): Promise<void> {
  const { x, y } = await find(tab, selector, name)
  await tab.perform([
    {
      type: 'pointer',
      id: 'mouse',
      actions: [
        { type: 'pointerMove', x, y },
        { type: 'pointerDown', button: 0 },
        { type: 'pointerUp', button: 0 },
      ],
    },
  ])
}

/** The key that WebDriver knows as Enter, and the one as Escape. */
export const keys = { enter: '\uE007', escape: '\uE00C' } as const

/** Types at the caret. */
export async function type(tab: Tab, text: string): Promise<void> {
  const actions = Array.from(text, (value) => [
    { type: 'keyDown', value },
    { type: 'keyUp', value },
  ]).flat()
  await tab.perform([{ type: 'key', id: 'keyboard', actions }])
}

/** Waits until a condition holds in the page. */
export async function until<A>(tab: Tab, condition: (argument: A) => boolean, argument: A): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await tab.evaluate(condition, argument))) {
    if (Date.now() > deadline)
      throw new Error(`This did not become true: ${condition.toString()} of ${JSON.stringify(argument)}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

/** Waits for an element that is seen and stands still; resolves to its middle. */
async function find(tab: Tab, selector: string, name: string | undefined): Promise<{ x: number; y: number }> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const place = await tab.evaluate(placeOf, { selector, name: name ?? null })
    if (place !== null) return place
    if (Date.now() > deadline) throw new Error(`There is no ${selector}${name === undefined ? '' : ` "${name}"`}.`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

/** Runs in the page. */
async function placeOf({
  selector,
  name,
}: {
  readonly selector: string
  readonly name: string | null
}): Promise<{ x: number; y: number } | null> {
  const element = Array.from(document.querySelectorAll(selector)).find(
    (each) => name === null || each.getAttribute('aria-label') === name || each.textContent?.trim() === name,
  )
  if (element === undefined) return null
  element.scrollIntoView({ block: 'nearest' })
  const before = element.getBoundingClientRect()
  await new Promise((resolve) => setTimeout(resolve, 50))
  const { x, y, width, height } = element.getBoundingClientRect()
  if (width === 0 || before.x !== x || before.y !== y) return null
  return { x: Math.round(x + width / 2), y: Math.round(y + height / 2) }
}
