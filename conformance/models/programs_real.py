"""Programs as people deploy them: voice activity with state, recurrent decoders, attention: (name, module to script, calls)."""

import math
from typing import Dict, List, Optional, Tuple

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Spectrum(nn.Module):
    """Magnitudes of a short-time Fourier transform, as a convolution with a fixed basis."""

    def __init__(self, window: int, hop: int):
        super().__init__()
        self.window, self.hop = window, hop
        angles = 2 * math.pi * torch.arange(window // 2 + 1)[:, None] * torch.arange(window)[None] / window
        shape = torch.hann_window(window)[None]
        self.register_buffer("forward_basis", torch.cat([angles.cos() * shape, -angles.sin() * shape])[:, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(x.unsqueeze(1), (self.hop, self.hop), mode="reflect")
        both = nn.functional.conv1d(padded, self.forward_basis, stride=self.hop, padding=0)
        cutoff = self.window // 2 + 1
        real, imaginary = both[:, :cutoff], both[:, cutoff:]
        return torch.sqrt(real**2 + imaginary**2)


class Step(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.rnn = nn.LSTMCell(channels, channels)
        self.decoder = nn.Sequential(nn.Dropout(0.1), nn.ReLU(), nn.Conv1d(channels, 1, 1), nn.Sigmoid())

    def forward(self, x: torch.Tensor, state: torch.Tensor = torch.zeros(0)) -> Tuple[torch.Tensor, torch.Tensor]:
        x = x.squeeze(-1)
        if len(state):
            h, c = self.rnn(x, (state[0], state[1]))
        else:
            h, c = self.rnn(x)
        return self.decoder(h.unsqueeze(-1).float()), torch.stack([h, c])


class Chunk(nn.Module):
    def __init__(self, window: int, hop: int, channels: int):
        super().__init__()
        self.spectrum = Spectrum(window, hop)
        self.encoder = nn.Sequential(
            nn.Conv1d(window // 2 + 1, channels, 3, stride=1, padding=1), nn.ReLU(),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.step = Step(channels)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        features = self.encoder(self.spectrum(x))
        out, state = self.step(features[:, :, -1:], state)
        return out.squeeze(1).mean(dim=[1], keepdim=True), state


class VoiceActivity(nn.Module):
    """Whether somebody speaks, chunk by chunk: which network runs depends on the rate, and what is kept on the batch."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = Chunk(32, 16, 8), Chunk(16, 8, 8)
        self.sample_rates: List[int] = [8000, 16000]
        self._state: torch.Tensor = torch.zeros(0)
        self._context: torch.Tensor = torch.zeros(0)
        self._last_rate: int = 0
        self._last_batch_size: int = 0

    @torch.jit.export
    def reset_states(self, batch_size: int = 1):
        self._state = torch.zeros(0)
        self._context = torch.zeros(0)
        self._last_rate = 0
        self._last_batch_size = 0

    @torch.jit.export
    def _validate_input(self, x: torch.Tensor, rate: int) -> Tuple[torch.Tensor, int]:
        if x.dim() == 1:
            x = x.unsqueeze(0)
        if x.dim() > 2:
            raise ValueError(f"Too many dimensions for input audio chunk {x.dim()}")
        if rate != 16000 and (rate % 16000 == 0):
            step = rate // 16000
            x = x[:, ::step]
            rate = 16000
        if rate not in self.sample_rates:
            raise ValueError(f"Supported sampling rates: {self.sample_rates} (or multiply of 16000)")
        if rate / x.shape[1] > 400.0:
            raise ValueError("Input audio chunk is too short")
        return x, rate

    def forward(self, x: torch.Tensor, rate: int) -> torch.Tensor:
        x, rate = self._validate_input(x, rate)
        samples = 64 if rate == 16000 else 32
        if x.shape[-1] != samples:
            raise ValueError(f"Provided number of samples is {x.shape[-1]} (Supported values: 32 for 8000, 64 for 16000)")
        batch_size = x.shape[0]
        context_size = 8 if rate == 16000 else 4
        if not self._last_batch_size:
            self.reset_states(batch_size)
        if self._last_rate and (self._last_rate != rate):
            self.reset_states(batch_size)
        if self._last_batch_size and (self._last_batch_size != batch_size):
            self.reset_states(batch_size)
        if not len(self._context):
            self._context = torch.zeros(batch_size, context_size)
        x = torch.cat([self._context, x], dim=1)
        if rate == 16000:
            out, state = self.wide(x, self._state)
        elif rate == 8000:
            out, state = self.narrow(x, self._state)
        else:
            raise ValueError("unreachable")
        self._state = state
        self._context = x[..., -context_size:]
        self._last_rate = rate
        self._last_batch_size = batch_size
        return out

    @torch.jit.export
    def audio_forward(self, x: torch.Tensor, rate: int) -> torch.Tensor:
        outs: List[torch.Tensor] = []
        x, rate = self._validate_input(x, rate)
        self.reset_states(x.shape[0])
        samples = 64 if rate == 16000 else 32
        if x.shape[1] % samples:
            pad = samples - (x.shape[1] % samples)
            x = nn.functional.pad(x, (0, pad), "constant", value=0.0)
        for i in range(0, x.shape[1], samples):
            outs.append(self.forward(x[:, i : i + samples], rate))
        return torch.cat(outs, dim=1).cpu()


class Stream(nn.Module):
    """Convolutions over a stream: what they need of the past is kept in an Optional, and steps are counted."""

    past: Optional[Tuple[torch.Tensor, torch.Tensor]]
    log: Dict[str, List[int]]

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv1d(4, 6, 3), nn.Conv1d(6, 6, 3, dilation=2)
        self.norm = nn.BatchNorm1d(6)
        self.past = None
        self.steps = 0
        self.log = {}

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, int, Dict[str, List[int]]]:
        past = self.past
        if past is None:
            before, middle = x.new_zeros([x.size(0), 4, 2]), x.new_zeros([x.size(0), 6, 4])
        else:
            before, middle = past
        if "frames" not in self.log:
            frames: List[int] = []
            self.log["frames"] = frames
        self.log["frames"].append(x.size(-1))
        x = torch.cat([before, x], -1)
        y = torch.cat([middle, torch.relu(self.first(x))], -1)
        self.past = (x[..., -2:], y[..., -4:])
        self.steps += 1
        return self.norm(self.second(y)), self.steps, self.log


class Translator(nn.Module):
    """An encoder over padded sequences, and a decoder that feeds its own words back until it has said enough."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 6, padding_idx=0)
        self.encoder = nn.GRU(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.cell = nn.GRUCell(6, 10)
        self.query = nn.Linear(10, 10, bias=False)
        self.out = nn.Linear(20, 11)

    def forward(self, source: torch.Tensor, lengths: torch.Tensor, at_most: int) -> Tuple[torch.Tensor, torch.Tensor]:
        packed = pack_padded_sequence(self.words(source), lengths, batch_first=True, enforce_sorted=False)
        keys, hidden = self.encoder(packed)
        memory, sizes = pad_packed_sequence(keys, batch_first=True)
        away = torch.arange(memory.size(1)).unsqueeze(0) >= sizes.unsqueeze(1)
        h = torch.cat([hidden[-2], hidden[-1]], 1)
        word = torch.ones(source.size(0), dtype=torch.long)
        said: List[torch.Tensor] = []
        done = torch.zeros(source.size(0), dtype=torch.bool)
        while len(said) < at_most and not bool(done.all()):
            h = self.cell(self.words(word), h)
            scores = torch.bmm(memory, self.query(h).unsqueeze(2)).squeeze(2).masked_fill(away, float("-inf"))
            context = torch.bmm(scores.softmax(1).unsqueeze(1), memory).squeeze(1)
            logits = self.out(torch.cat([h, context], 1))
            word = logits.argmax(1)
            done = done | (word == 2)
            said.append(logits)
        return torch.stack(said, 1), done


class Recurrent(nn.Module):
    """Layers called with and without a state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 4, num_layers=2, bidirectional=True, proj_size=3, dropout=0.2)
        self.gru = nn.GRU(6, 4, bias=False)
        self.rnn = nn.RNN(4, 3, nonlinearity="relu", batch_first=True)

    def forward(self, x: torch.Tensor, state: Optional[Tuple[torch.Tensor, torch.Tensor]] = None) -> Tuple[torch.Tensor, Tuple[torch.Tensor, torch.Tensor], torch.Tensor, torch.Tensor]:
        y, state = self.lstm(x, state)
        z, hidden = self.gru(y)
        w, _ = self.rnn(z.transpose(0, 1), hidden[:, :, :3].contiguous())
        return y, state, hidden, w


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.MultiheadAttention(8, 2, batch_first=True)
        self.cross = nn.MultiheadAttention(8, 4, add_bias_kv=True)

    def forward(self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, padding: Optional[torch.Tensor] = None) -> Tuple[torch.Tensor, Optional[torch.Tensor], torch.Tensor, Optional[torch.Tensor]]:
        causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).triu(1)
        y, weights = self.own(x, x, x, attn_mask=causal, need_weights=True)
        z, seen = self.cross(y.transpose(0, 1), keys, values, key_padding_mask=padding, need_weights=padding is None)
        return y, weights, z, seen


class Positions(nn.Module):
    def __init__(self, features: int, longest: int):
        super().__init__()
        at = torch.arange(longest)[:, None] * torch.exp(torch.arange(0, features, 2) * (-math.log(1000.0) / features))
        self.register_buffer("table", torch.stack([at.sin(), at.cos()], 2).flatten(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(1) > self.table.size(0):
            raise ValueError("the sequence is longer than {} positions".format(self.table.size(0)))
        return x + self.table[: x.size(1)]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions = nn.Embedding(13, 8), Positions(8, 12)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8))
        self.head = nn.Linear(8, 3)

    def forward(self, ids: torch.Tensor, padding: Optional[torch.Tensor] = None) -> torch.Tensor:
        x = self.encoder(self.positions(self.words(ids)), src_key_padding_mask=padding)
        if padding is not None:
            here = padding.logical_not().unsqueeze(2).to(x.dtype)
            x = (x * here).sum(1) / here.sum(1)
        else:
            x = x.mean(1)
        return self.head(x).log_softmax(-1)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = nn.Transformer(8, 2, 1, 1, 12, batch_first=True)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        mask = torch.full([target.size(1), target.size(1)], float("-inf")).triu(1)
        return self.transformer(source, target, tgt_mask=mask)


def programs():
    torch.manual_seed(5)
    sound = torch.randn(3, 200)
    yield "voice_activity", VoiceActivity().eval(), [
        [sound[:2, :64], 16000], [sound[:2, 64:128], 16000], [sound[:1, :64], 16000], [sound[0, :32], 8000], [sound[0, :128], 32000],
        ("audio_forward", [sound, 16000]), ("audio_forward", [sound[0], 8000]), ("reset_states", [1]), [sound[:2, :64], 16000],
        [sound, 16000], [sound[None], 16000], [sound, 44100], [sound[:, :30], 16000],
    ]
    stream = Stream().eval()
    stream.norm.running_mean.normal_()
    yield "stream", stream, [[torch.randn(2, 4, n)] for n in (5, 1, 3)]
    ids = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0], [9, 10, 3, 0]])
    yield "translator", Translator().eval(), [[ids, torch.tensor([4, 2, 3]), 6], [ids[:1, :2], torch.tensor([2]), 3]]
    state = (torch.randn(4, 2, 3), torch.randn(4, 2, 4))
    yield "recurrent", Recurrent().eval(), [[torch.randn(6, 2, 5)], [torch.randn(1, 2, 5), state], [torch.randn(6, 2, 4)]]
    keys, values = torch.randn(3, 2, 8), torch.randn(3, 2, 8)
    padding = torch.tensor([[False, False, True], [False, True, True]])
    yield "attention", Attention().eval(), [[torch.randn(2, 5, 8), keys, values], [torch.randn(2, 4, 8), keys, values, padding]]
    words = torch.randint(0, 13, (2, 7))
    away = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    yield "classifier", Classifier().eval(), [[words], [words, away], [torch.randint(0, 13, (1, 13))]]
    yield "seq2seq", Seq2Seq().eval(), [[torch.randn(2, 5, 8), torch.randn(2, 3, 8)]]
