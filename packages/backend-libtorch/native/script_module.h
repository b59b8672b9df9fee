// The addon's class `ScriptModule`: a TorchScript archive that LibTorch itself runs.
#pragma once
#include <napi.h>

namespace sconce {
void defineScriptModule(Napi::Env env, Napi::Object exports);
}
