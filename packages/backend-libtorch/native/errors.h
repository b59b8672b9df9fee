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

}  // namespace sconce
