import { Keyboard } from 'lucide-react'
import { Popover } from 'radix-ui'
import { commandKey } from './Undo.tsx'

type Shortcut = readonly [keys: readonly string[], what: string]

const everywhere: readonly Shortcut[] = [
  [[commandKey, 'Z'], 'Undo your last step'],
  [[commandKey, 'Shift', 'Z'], 'Do it again'],
]

const onCards: readonly Shortcut[] = [
  [['←', '↑', '↓', '→'], 'Walk from card to card'],
  [['Shift', '+ arrow'], 'Move the card'],
  [['Enter'], 'Open the card and its note'],
  [['F2'], 'Rename the card'],
  [['Delete'], 'Delete the card'],
  [['Esc'], 'Close the card, leave a field'],
]

/** What the keyboard can do. */
export function Shortcuts() {
  return (
    <Popover.Root>
      <Popover.Trigger
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts"
        className="inline-flex size-8 items-center justify-center rounded-full text-ink-3 transition-colors hover:bg-hover hover:text-ink pointer-coarse:hidden max-sm:hidden"
      >
        <Keyboard className="size-4" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={8}
          collisionPadding={12}
          aria-label="Keyboard shortcuts"
          className="z-40 w-72 animate-rise rounded-2xl bg-raised p-4 shadow-float outline-none"
        >
          <Section title="Outside of text" shortcuts={everywhere} />
          <Section title="With a card in focus" shortcuts={onCards} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}

function Section({ title, shortcuts }: { readonly title: string; readonly shortcuts: readonly Shortcut[] }) {
  return (
    <>
      <h3 className="mb-2 font-semibold not-first:mt-4">{title}</h3>
      <dl className="space-y-1.5 text-[13px]">
        {shortcuts.map(([keys, what]) => (
          <div key={what} className="flex items-center justify-between gap-3">
            <dt className="text-ink-2">{what}</dt>
            <dd className="flex shrink-0 gap-1">
              {keys.map((key) => (
                <kbd key={key} className="rounded-md bg-lane px-1.5 py-0.5 font-sans text-xs text-ink-2">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </>
  )
}
