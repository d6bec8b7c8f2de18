// The runtime of Node.js functions: fetches events from the Lambda Runtime API, calls the handler, sends the answer.
//
// Handler resolution (CommonJS and ES modules, without extension, nested), the context object, error documents and log
// lines follow AWS's Node.js runtime, and so does response streaming (awslambda.streamifyResponse).

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { Writable } from 'node:stream';
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

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const logsJson = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const levelMin = logsJson ? Math.max(LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL), 0) : 0;

function logDocument(level, values) {
  const error = values.find((value) => util.types.isNativeError(value));
  const message = values.length === 1 && !error ? values[0] : util.format(...values);
  const document = { timestamp: new Date().toISOString(), level, requestId, message };
  if (error) {
    const { errorType, errorMessage, trace: stackTrace } = errorDocument(error);
    Object.assign(document, { errorType, errorMessage, stackTrace });
  }
  try {
    return JSON.stringify(document);
  } catch {
    return JSON.stringify({ ...document, message: util.format(...values) });
  }
}

function log(level, ...values) {
  if (logsJson) {
    if (LEVELS.indexOf(level) >= levelMin) fs.writeSync(1, `${logDocument(level, values)}\n`);
    return;
  }
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
  if (logsJson) return log('ERROR', { errorType, errorMessage, stackTrace: stack });
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
  if (handler[STREAMING]) return answerInParts(handler, next, route);
  try {
    const value = await call(handler, JSON.parse(next.body), next.headers);
    await send('POST', `${route}/response`, serialise(value), { 'Content-Type': 'application/json' });
  } catch (error) {
    logFailure('Invoke Error ', error);
    await sendError(`${route}/error`, error);
  }
}

// Answers in parts

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';

// What the handler writes to. The request to the Runtime API begins with the first byte, so until then there can be a
// content type, an HTTP prelude, or a plain error.
class ResponseStream extends Writable {
  #route;
  #request;
  #contentType = 'application/octet-stream';
  answered = new Promise((resolve, reject) => Object.assign(this, { settle: resolve, fail: reject }));

  constructor(route) {
    super({ highWaterMark: 64 * 1024 });
    this.#route = route;
  }

  get begun() {
    return this.#request !== undefined;
  }

  setContentType(type) {
    if (this.begun) throw new Fault('Runtime.InvalidStreamingOperation', 'Cannot set content-type, too late.');
    this.#contentType = type;
  }

  #begin() {
    if (this.begun) return this.#request;
    const headers = {
      'Content-Type': this.#contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: [ERROR_TYPE, ERROR_BODY],
    };
    const options = { host, port, agent, method: 'POST', path: `/2018-06-01/runtime/${this.#route}/response`, headers };
    this.#request = http.request(options, (response) => {
      response.resume();
      response.on('end', this.settle);
    });
    this.#request.on('error', this.fail);
    this._onBeforeFirstWrite?.((part) => this.#request.write(part));
    return this.#request;
  }

  _write(chunk, encoding, done) {
    this.#begin().write(chunk, encoding, done);
  }

  _final(done) {
    this.#begin().end();
    done();
  }

  // The answer has begun: its failure comes as trailers.
  breakOff(error) {
    const document = errorDocument(error);
    const body = Buffer.from(JSON.stringify(document)).toString('base64');
    this.#request.addTrailers({ [ERROR_TYPE]: document.errorType, [ERROR_BODY]: body });
    this.#request.end();
  }
}

async function answerInParts(handler, next, route) {
  const stream = new ResponseStream(route);
  try {
    const finished = new Promise((resolve, reject) => stream.once('finish', resolve).once('error', reject));
    process.removeAllListeners('beforeExit');
    // Whoever forgets to end the stream has nothing more to write when nothing is left to wait for.
    process.once('beforeExit', () => stream.end());
    await handler(JSON.parse(next.body), stream, makeContext(next.headers, () => {}));
    await finished;
  } catch (error) {
    logFailure('Invoke Error ', error);
    if (!stream.begun) return sendError(`${route}/error`, error);
    stream.breakOff(error);
  }
  await stream.answered;
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
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: 'response' }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(prelude));
        write(new Uint8Array(8));
      };
      return stream;
    },
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
