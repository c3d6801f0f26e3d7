import redos from 'eslint-plugin-redos'
import tseslint from 'typescript-eslint'

/**
 * The pure folders: no sockets, no clock, no files (docs/decisions/0001; test/architecture.test.ts
 * holds the whole table).
 */
const pure = [
  ...['smtp', 'verdict', 'strategy', 'split', 'message', 'dsn', 'session', 'facts'].map(
    (folder) => `src/${folder}/**`,
  ),
]

const assignedFunction = {
  selector:
    'AssignmentExpression[left.type="MemberExpression"][right.type=/^(ArrowFunction|Function)Expression$/]',
  message:
    'V8 makes this function in the old generation, where it keeps all that it can see until a full collection. Assign a constant that holds it, or make it a class field (docs/decisions/0018).',
}

const octetsByHand = {
  selector:
    'CallExpression[callee.property.name=/^(from|write|end|writeFile|fill|alloc)$/] > Literal[value=/^(latin1|binary|ascii)$/]',
  message:
    'Of a character that is no octet this writes the low byte, which may be CR or LF. Use smtp/octets.ts (docs/decisions/0022).',
}

const dynamicPattern = {
  selector:
    ':matches(NewExpression, CallExpression)[callee.name="RegExp"]:not([arguments.0.type="Literal"])',
  message:
    'Write the pattern as a literal: only then a linter can say how long it takes on hostile input (decision 19).',
}

const markup = {
  selector:
    ':matches(MemberExpression > Identifier.property, Property > Identifier.key)[name=/^(innerHTML|outerHTML|srcdoc|insertAdjacentHTML|setHTML|setHTMLUnsafe|createContextualFragment|parseFromString|write|writeln)$/]',
  message: 'Strangers wrote what the console shows: text nodes alone, by dom.ts (decision 0110).',
}

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'rcptwise-data/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/strict-boolean-expressions': ['error', { allowNullableBoolean: true }],
      '@typescript-eslint/return-await': ['error', 'always'],
      '@typescript-eslint/promise-function-async': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-control-regex': 'off', // parsers look for control characters on purpose
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // Strangers write what is read here: no pattern may take longer than in proportion to the
    // length of what it reads (decision 19).
    files: ['src/**'],
    plugins: { redos },
    rules: {
      // What it can't decide is refused too. The limit of time is for a machine that is very busy:
      // no pattern here needs a tenth of it.
      'no-restricted-syntax': ['error', dynamicPattern],
      'redos/no-vulnerable': [
        'error',
        { ignoreErrors: false, checker: 'automaton', timeout: 60_000 },
      ],
    },
  },
  {
    files: pure,
    rules: {
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'process',
        'fetch',
        'performance',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time is event data in the pure folders.' },
        {
          object: 'Math',
          property: 'random',
          message: 'Randomness is event data in the pure folders.',
        },
      ],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/smtp/octets.ts'],
    rules: { 'no-restricted-syntax': ['error', octetsByHand] },
  },
  {
    // What runs for each connection or message.
    files: ['listen', 'backend', 'session', 'smtp', 'judge', 'ledger', 'policy'].map(
      (folder) => `src/${folder}/**`,
    ),
    ignores: ['src/smtp/octets.ts'],
    rules: { 'no-restricted-syntax': ['error', dynamicPattern, octetsByHand, assignedFunction] },
  },
  {
    files: ['src/console/**'],
    rules: { 'no-restricted-syntax': ['error', dynamicPattern, octetsByHand, markup] },
  },
  {
    files: ['test/**', 'bench/**', 'tools/**'],
    rules: { 'no-console': 'off', 'max-lines': ['error', { max: 600 }] },
  },
)
