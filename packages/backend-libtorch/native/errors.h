// Turns LibTorch's exceptions into JavaScript errors: its sentence, without the C++ stack, and a code that says which kind.
#pragma once

#include <c10/util/Exception.h>
#include <napi.h>

#include <exception>
#include <string>

namespace sconce {

struct Fault {
  /** `IndexError`, `ValueError`, `TypeError`, `NotImplementedError`, `OutOfMemoryError`, `TorchScriptError` or `Error`. */
  std::string code;
  std::string message;
  /** TorchScript's own traceback, where the error came out of its interpreter. */
  std::string traceback;
};

Fault faultOf(const std::exception_ptr& exception);

Napi::Error toError(Napi::Env env, const Fault& fault);

/** Runs `body`; what it throws reaches JavaScript as an Error with `code` (and `traceback`). */
template <class Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw toError(env, faultOf(std::current_exception()));
  }
}

/** The same for a function of plain Node-API, which costs a call less than node-addon-api: for what every operator pays. */
template <class Body>
napi_value thrown(napi_env env, Body body) {
  try {
    return body();
  } catch (...) {
    try {
      toError(env, faultOf(std::current_exception())).ThrowAsJavaScriptException();
    } catch (const Napi::Error& e) {
      e.ThrowAsJavaScriptException();
    }
  }
  return nullptr;
}

inline void defineFunction(Napi::Env env, Napi::Object exports, const char* name, napi_callback body) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, body, nullptr, &function);
  exports.Set(name, Napi::Value(env, function));
}

}  // namespace sconce
