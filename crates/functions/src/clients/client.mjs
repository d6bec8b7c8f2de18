// The runtime of Node.js functions: fetches events from the Lambda Runtime API, calls the handler, sends the answer.
//
// Handler resolution (CommonJS and ES modules, without extension, nested), the context object, error documents and log
// lines follow AWS's Node.js runtime. Response streaming (awslambda.streamifyResponse) is not built and says so.

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1, noDelay: true });
const taskRoot = process.env.LAMBDA_TASK_ROOT;
const require = createRequire(path.join(taskRoot, 'handler.js'));
let requestId;

class Fault extends Error {
  constructor(errorType, message) {
    super(message);
    this.name = errorType;
  }
}

function send(method, route, body, headers = {}) {
  const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
  const options = { host, port, agent, method, path: `/2018-06-01/runtime/${route}`, headers: { ...headers, ...length } };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function errorDocument(error) {
  if (!util.types.isNativeError(error) && !(error instanceof Error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  const trace = (error.stack ?? '').replace(/\x7F/g, '%7F').split('\n');
  return { errorType: error.name ?? error.constructor.name, errorMessage: error.message, trace };
}

async function sendError(route, error) {
  const document = errorDocument(error);
  await send('POST', route, JSON.stringify(document), { 'Lambda-Runtime-Function-Error-Type': document.errorType });
}

function log(level, ...values) {
  const line = `${new Date().toISOString()}\t${requestId}\t${level}\t${util.format(...values)}`;
  fs.writeSync(1, `${line.replace(/\n/g, '\r')}\n`);
}

function setUpLogging() {
  for (const [name, level] of Object.entries({
    log: 'INFO', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', trace: 'TRACE', fatal: 'FATAL',
  })) {
    console[name] = (...values) => log(level, ...values);
  }
}

function logFailure(kind, error) {
  const document = errorDocument(error);
  const { errorType, errorMessage, trace: stack } = document;
  log('ERROR', `${kind}\t${JSON.stringify({ errorType, errorMessage, ...propertiesOf(error), stack })}`);
}

function propertiesOf(error) {
  return typeof error === 'object' && error !== null && error.code !== undefined ? { code: error.code } : {};
}

// The handler

function splitHandler(full) {
  if (full.includes('..')) {
    const text = `'${full}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`;
    throw new Fault('Runtime.MalformedHandlerName', text);
  }
  const base = path.basename(full);
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match) throw new Fault('Runtime.MalformedHandlerName', 'Bad handler');
  return { folder: full.slice(0, full.indexOf(base)), module: match[1], names: match[2] };
}

function isModulePackage(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (fs.existsSync(manifest)) return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    if (folder === path.dirname(folder) || folder.endsWith('node_modules')) return false;
  }
}

function isFile(file) {
  return fs.existsSync(file) && fs.statSync(file).isFile();
}

async function load(folder, module) {
  const file = path.resolve(taskRoot, folder, module);
  const load = (extension) => require(file + extension);
  const importFile = (extension) => import(pathToFileURL(file + extension).href);
  if (isFile(file)) return load('');
  const modules = isModulePackage(file);
  if (!modules && isFile(`${file}.js`)) return load('.js');
  if (modules && isFile(`${file}.js`)) return importFile('.js');
  if (isFile(`${file}.mjs`)) return importFile('.mjs');
  if (isFile(`${file}.cjs`)) return load('.cjs');
  return require(require.resolve(module, { paths: [taskRoot, path.resolve(taskRoot, folder)] }));
}

async function loadModule(folder, module) {
  try {
    return await load(folder, module);
  } catch (error) {
    if (error instanceof SyntaxError) throw withType(error, 'Runtime.UserCodeSyntaxError');
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw withType(error, 'Runtime.ImportModuleError');
    }
    throw error;
  }
}

function withType(error, errorType) {
  const fault = new Fault(errorType, `Error: ${error.message}`.replace(/^Error: /, error instanceof SyntaxError ? 'SyntaxError: ' : 'Error: '));
  fault.stack = `${errorType}: ${fault.message}\n${(error.stack ?? '').split('\n').slice(1).join('\n')}`;
  return fault;
}

async function findHandler(full) {
  const { folder, module, names } = splitHandler(full);
  const exported = await loadModule(folder, module);
  const walk = (root) => names.split('.').reduce((nested, name) => nested?.[name], root);
  const found = walk(exported) ?? walk(exported.default);
  if (!found) throw new Fault('Runtime.HandlerNotFound', `${full} is undefined or not exported`);
  if (typeof found !== 'function') throw new Fault('Runtime.HandlerNotFound', `${full} is not a function`);
  return found;
}

// One invocation

function makeContext(headers, finish) {
  const parse = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse('lambda-runtime-client-context'),
    identity: parse('lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: (error, value) => finish(error, value),
    succeed: (value) => finish(null, value),
    fail: (error) => finish(error ?? 'handled'),
  };
}

// Settles as the handler does: by its promise, by its callback, or when nothing is left to wait for.
function call(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const settle = (error, value) => (error === null || error === undefined ? resolve(value) : reject(error));
    const context = makeContext(headers, settle);
    const callback = (error, value) => {
      if (error !== null && error !== undefined) return reject(error);
      if (!context.callbackWaitsForEmptyEventLoop) return resolve(value);
      process.removeAllListeners('beforeExit');
      process.once('beforeExit', () => resolve(value));
    };
    process.removeAllListeners('beforeExit');
    process.once('beforeExit', () => resolve(undefined));
    const result = handler(event, context, callback);
    if (typeof result?.then === 'function') result.then(resolve, reject);
  });
}

async function answer(handler, next) {
  requestId = next.headers['lambda-runtime-aws-request-id'];
  const traceId = next.headers['lambda-runtime-trace-id'];
  if (traceId) process.env._X_AMZN_TRACE_ID = traceId;
  else delete process.env._X_AMZN_TRACE_ID;
  const route = `invocation/${requestId}`;
  try {
    const value = await call(handler, JSON.parse(next.body), next.headers);
    await send('POST', `${route}/response`, serialise(value), { 'Content-Type': 'application/json' });
  } catch (error) {
    logFailure('Invoke Error ', error);
    await sendError(`${route}/error`, error);
  }
}

function serialise(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

// What nobody caught ends the process, after it is reported.
async function endWith(kind, error, code) {
  logFailure(kind, error);
  await sendError(requestId ? `invocation/${requestId}/error` : 'init/error', error);
  process.exit(code);
}

process.on('uncaughtException', (error) => endWith('Uncaught Exception ', error, 129));
process.on('unhandledRejection', (reason) => {
  const fault = new Fault('Runtime.UnhandledPromiseRejection', reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason));
  return endWith('Unhandled Promise Rejection ', fault, 128);
});

globalThis.awslambda = {
  streamifyResponse: () => {
    throw new Error('awslambda.streamifyResponse is not implemented on this host');
  },
};

// CDK's custom resources answer by https.request with the host and path of ResponseURL alone: scheme and port are lost.
// What is meant for the engine goes to where the engine is.
function keepAnswersHome() {
  const engine = new URL(process.env.AWS_ENDPOINT_URL ?? 'http://127.0.0.1:4566');
  const request = https.request;
  https.request = function (options, ...rest) {
    const lost = typeof options === 'object' && !(options instanceof URL) && !options.port
      && String(options.path).startsWith('/_cumulet/custom-resource/');
    if (!lost || engine.protocol !== 'http:') return request.call(https, options, ...rest);
    const home = { hostname: engine.hostname, host: undefined, port: engine.port || 80 };
    return http.request({ ...options, ...home, protocol: 'http:', agent: undefined }, ...rest);
  };
  syncBuiltinESMExports();
}

setUpLogging();
keepAnswersHome();
let handler;
try {
  handler = await findHandler(process.env._HANDLER);
} catch (error) {
  logFailure('Uncaught Exception ', error);
  await sendError('init/error', error);
  process.exit(1);
}
for (;;) {
  await answer(handler, await send('GET', 'invocation/next'));
}
