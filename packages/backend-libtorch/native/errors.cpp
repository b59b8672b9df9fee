// Which kind an exception is, and which of its lines a user wants to read.
#include "errors.h"

#include <regex>

namespace sconce {

namespace {

/** What stands before the C++ stack, which c10 and the dispatcher append. */
std::string sentence(const std::string& what) {
  size_t end = what.size();
  for (const char* noise : {"\nException raised from", "\nTraceback of TorchScript", "\nFrames (newest last)"})
    end = std::min(end, what.find(noise));
  std::string text = what.substr(0, std::min(end, what.find('\n')));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

/** The interpreter wraps an error in its traceback; the error itself is the last line that reads `SomeError: …`. */
Fault ofInterpreter(const std::string& what) {
  std::string message = sentence(what);
  std::smatch match;
  static const std::regex last("\\n(?:[A-Za-z_.]*(?:Error|Exception)): ([^\\n]+)");
  for (auto i = std::sregex_iterator(what.begin(), what.end(), last); i != std::sregex_iterator(); ++i)
    message = (*i)[1].str();
  return {"TorchScriptError", message, what.substr(0, what.find("\nException raised from"))};
}

}  // namespace

Fault faultOf(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const c10::IndexError& e) {
    return {"IndexError", sentence(e.what_without_backtrace()), ""};
  } catch (const c10::ValueError& e) {
    return {"ValueError", sentence(e.what_without_backtrace()), ""};
  } catch (const c10::TypeError& e) {
    return {"TypeError", sentence(e.what_without_backtrace()), ""};
  } catch (const c10::NotImplementedError& e) {
    return {"NotImplementedError", sentence(e.what_without_backtrace()), ""};
  } catch (const c10::OutOfMemoryError& e) {
    return {"OutOfMemoryError", sentence(e.what_without_backtrace()), ""};
  } catch (const c10::Error& e) {
    const std::string what = e.what_without_backtrace();
    if (what.find("can't allocate memory") != std::string::npos) return {"OutOfMemoryError", sentence(what), ""};
    if (what.find("Traceback of TorchScript") != std::string::npos) return ofInterpreter(what);
    return {"Error", sentence(what), ""};
  } catch (const std::bad_alloc&) {
    return {"OutOfMemoryError", "LibTorch ran out of memory", ""};
  } catch (const std::exception& e) {
    const std::string what = e.what();
    if (what.find("TorchScript") != std::string::npos) return ofInterpreter(what);
    return {"Error", sentence(what), ""};
  } catch (...) {
    return {"Error", "LibTorch threw something that is no exception", ""};
  }
}

Napi::Error toError(Napi::Env env, const Fault& fault) {
  auto error = Napi::Error::New(env, fault.message);
  error.Set("code", Napi::String::New(env, fault.code));
  if (!fault.traceback.empty()) error.Set("traceback", Napi::String::New(env, fault.traceback));
  return error;
}

}  // namespace sconce
