import { X } from 'lucide-react'
import { Toast } from 'radix-ui'
import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from 'react'
import { Button, IconButton } from './Button.tsx'

/** Something to tell, with at most one thing to do about it. */
export interface Notice {
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void }
  /** Stays until it is dismissed. */
  readonly lasting?: boolean
}

export interface Notices {
  /** Shows a notice in the corner. One with the same text is shown once. */
  notify(notice: Notice): void
  /** Says a sentence to those who listen to the page instead of looking at it. */
  announce(sentence: string): void
}

const NoticesContext = createContext<Notices | undefined>(undefined)

export function useNotices(): Notices {
  const notices = useContext(NoticesContext)
  if (notices === undefined) throw new Error('useNotices() needs <NoticesProvider> above it.')
  return notices
}

/** The corner for notices, and the live region for sentences. */
export function NoticesProvider({ children }: { readonly children: ReactNode }) {
  const [shown, setShown] = useState<readonly (Notice & { readonly id: number })[]>([])
  const [sentence, setSentence] = useState('')
  const nextId = useRef(1)
  const again = useRef(false)

  const announce = useCallback((text: string) => {
    // A live region reads what changed: the same sentence twice needs a difference that nobody hears.
    again.current = !again.current
    setSentence(again.current ? text : `${text}\u00a0`)
  }, [])
  const notify = useCallback((notice: Notice) => {
    const id = nextId.current++
    setShown((old) => [...old.filter(({ text }) => text !== notice.text), { ...notice, id }].slice(-3))
  }, [])
  const notices = useMemo(() => ({ notify, announce }), [notify, announce])
  const dismiss = (id: number): void => setShown((old) => old.filter((notice) => notice.id !== id))

  return (
    <NoticesContext value={notices}>
      <Toast.Provider swipeDirection="down" label="Notice">
        {children}
        <div role="status" aria-live="polite" className="sr-only" data-testid="announcement">
          {sentence}
        </div>
        {shown.map(({ id, text, action, lasting }) => (
          <Toast.Root
            key={id}
            duration={lasting ? Number.POSITIVE_INFINITY : 7000}
            onOpenChange={(isOpen) => isOpen || dismiss(id)}
            className="flex animate-rise items-center gap-3 rounded-xl bg-raised py-2 pr-2 pl-4 shadow-float"
          >
            <Toast.Description className="min-w-0 flex-1 text-[13px] break-words">{text}</Toast.Description>
            {action && (
              <Toast.Action asChild altText={action.label}>
                <Button look="accent" onClick={action.run}>
                  {action.label}
                </Button>
              </Toast.Action>
            )}
            <Toast.Close asChild>
              <IconButton label="Dismiss">
                <X />
              </IconButton>
            </Toast.Close>
          </Toast.Root>
        ))}
        <Toast.Viewport className="fixed bottom-4 left-4 z-60 flex w-[min(26rem,calc(100vw-2rem))] flex-col gap-2 outline-none" />
      </Toast.Provider>
    </NoticesContext>
  )
}
