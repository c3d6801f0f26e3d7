/**
 * A filter by libmilter itself (Debian's python3-milter), which says what a test asks for: at the
 * stage that the sender's address names, for recipients whose addresses say so, and with the
 * changes that the message's own fields `X-Do` name.
 */
import { connect } from 'node:net'
import { Place } from './place.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

export interface PythonMilter extends AsyncDisposable {
  readonly port: number
  /** `inet:127.0.0.1:PORT`. */
  readonly url: string
  /** What it was told, a line each. */
  readonly log: () => Promise<string>
  readonly kill: () => Promise<void>
}

/**
 * The sender `STAGE.ANSWER@…` has it answer so at that stage: stages mail, data, header, eoh, body,
 * eom; answers accept, reject, tempfail, discard, skip, and the codes 550 and 451 with words. The
 * recipients `reject.…@`, `tempfail.…@`, `550.…@`, `451.…@` are answered so. `X-Do: add NAME VALUE`,
 * `insert INDEX NAME VALUE`, `set INDEX NAME VALUE`, `delete INDEX NAME`, `body TEXT`, `delrcpt
 * ADDRESS`, `addrcpt ADDRESS`, `from ADDRESS`, `quarantine WHY`, `progress SECONDS` change the
 * message; `\n` in a value is a line end.
 */
const script = String.raw`
import sys, time
import Milter

class Filter(Milter.Base):
    def __init__(self):
        self.at, self.answer, self.todo = '', '', []

    def note(self, *said):
        print(*said, flush=True)

    def says(self, stage, answer=None):
        if answer is None:
            if stage != self.at:
                return Milter.CONTINUE
            answer = self.answer
        if answer == '550':
            self.setreply('550', '5.7.1', 'the filter refuses at %s' % stage)
            return Milter.REJECT
        if answer == '451':
            self.setreply('451', '4.7.1', 'the filter waits at %s' % stage)
            return Milter.TEMPFAIL
        return {'accept': Milter.ACCEPT, 'reject': Milter.REJECT, 'tempfail': Milter.TEMPFAIL,
                'discard': Milter.DISCARD, 'skip': Milter.SKIP}.get(answer, Milter.CONTINUE)

    def connect(self, name, family, address):
        self.note('connect', name, address, self.getsymval('j'), self.getsymval('{client_addr}'))
        return Milter.CONTINUE

    def hello(self, name):
        self.note('helo', name)
        return Milter.CONTINUE

    def envfrom(self, sender, *parameters):
        self.note('mail', sender, *parameters, 'id', self.getsymval('i'))
        self.at, _, self.answer = sender.strip('<>').split('@')[0].partition('.')
        return self.says('mail')

    def envrcpt(self, recipient, *parameters):
        self.note('rcpt', recipient)
        word = recipient.strip('<>').split('.')[0]
        if word in ('reject', 'tempfail', '550', '451'):
            return self.says('rcpt', word)
        return Milter.CONTINUE

    def data(self):
        self.note('data')
        return self.says('data')

    def header(self, name, value):
        self.note('header', name, repr(value))
        if name == 'X-Do':
            self.todo.append(value)
        return self.says('header')

    def eoh(self):
        self.note('eoh')
        return self.says('eoh')

    def body(self, chunk):
        self.note('body', len(chunk))
        return self.says('body')

    def eom(self):
        self.note('eom')
        for task in self.todo:
            self.do(*task.split(' ', 1))
        return self.says('eom')

    def do(self, what, rest):
        rest = rest.replace('\\n', '\n')
        if what == 'add':
            self.addheader(*rest.split(' ', 1))
        elif what == 'insert':
            index, name, value = rest.split(' ', 2)
            self.addheader(name, value, int(index))
        elif what in ('set', 'delete'):
            index, name, value = (rest + ' ').split(' ', 2)
            self.chgheader(name, int(index), value.rstrip(' '))
        elif what == 'large':
            self.addheader('X-Large', 'x' * int(rest))
        elif what == 'body':
            self.replacebody((rest + '\r\n').encode())
        elif what == 'delrcpt':
            self.delrcpt(rest)
        elif what == 'addrcpt':
            self.addrcpt(rest)
        elif what == 'from':
            self.chgfrom(rest)
        elif what == 'quarantine':
            self.quarantine(rest)
        elif what == 'progress':
            for _ in range(int(rest) * 5):
                self.progress()
                time.sleep(0.2)

    def abort(self):
        self.note('abort')
        return Milter.CONTINUE

    def close(self):
        self.note('close')
        return Milter.CONTINUE

Milter.factory = Filter
Milter.set_flags(Milter.ADDHDRS | Milter.CHGBODY | Milter.CHGHDRS | Milter.ADDRCPT
                 | Milter.DELRCPT | Milter.QUARANTINE | Milter.CHGFROM)
Milter.runmilter('test', sys.argv[1], 300)
`

export async function startPythonMilter(): Promise<PythonMilter> {
  const place = await Place.make('python-milter')
  const port = await freePort()
  await place.write('/filter.py', script)
  const daemon = await place.start('/usr/bin/python3', ['/filter.py', `inet:${port}@127.0.0.1`])
  const log = async (): Promise<string> => await place.read('/daemon.log')
  try {
    await until('the filter listens', async () => daemon.exitCode !== null || (await listens(port)))
    if (daemon.exitCode !== null) throw new Error(`it ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`the filter did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    url: `inet:127.0.0.1:${port}`,
    log,
    kill: async () => await place.kill(),
    [Symbol.asyncDispose]: async () => await place[Symbol.asyncDispose](),
  }
}

/** Whether something takes connections there. */
export async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
  } finally {
    socket.destroy()
  }
}
