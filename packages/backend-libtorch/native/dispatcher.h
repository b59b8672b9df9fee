// The addon's functions `operator` and `call`.
#pragma once
#include <napi.h>

namespace sconce {
void defineDispatcher(Napi::Env env, Napi::Object exports);
}
