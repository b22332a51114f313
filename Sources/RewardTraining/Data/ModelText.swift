public import RewardModel

/// How a model reads prompts: its vocabulary, its task texts, and what its words are judged by.
public struct ModelText: Sendable {
    let config: ModelConfig
    let tokenizer: Tokenizer

    public init(config: ModelConfig, tokenizer: Tokenizer) {
        self.config = config
        self.tokenizer = tokenizer
    }

    /// Ids of the prompt alone (under "") and after each task's text, end of sequence included.
    func tokens(_ prompt: PromptText) -> [String: [Int32]] {
        let eos = config.t5.eosTokenId
        var tokens = ["": tokenizer.encode(prompt.cleaned) + [eos]]
        if config.variant == .augmentedPrompt {
            for (task, prefix) in config.text.taskPrefixes {
                tokens[task] = tokenizer.encode(prefix + prompt.cleaned) + [eos]
            }
        }
        return tokens
    }

    /// What the words' loss compares with: the tagger's labels per token, or the decoder's suffixed text.
    func labels(_ prompt: PromptText, misaligned: [Bool]) -> TextLabels {
        if config.wordHead != nil {
            var labels = [Float](repeating: -1, count: tokenizer.encode(prompt.cleaned).count + 1)
            for (range, wrong) in zip(tokenizer.positions(of: prompt), misaligned) {
                // A piece two words share is misaligned if one is, as the prediction reads it.
                for position in range { labels[position] = max(labels[position], wrong ? 1 : 0) }
            }
            return .tags(labels)
        }
        let text = zip(prompt.words, misaligned).map { $1 ? "\($0.text)_0" : $0.text }.joined(separator: " ")
        let ids = tokenizer.encode(text) + [config.t5.eosTokenId]
        return .text(Array(ids.prefix(config.text.maxNewTokens)))
    }
}

/// Targets of the words' loss.
package enum TextLabels: Sendable, Equatable {
    /// Per token 1 for misaligned, 0 for aligned, -1 for tokens of no word.
    case tags([Float])
    /// The tokens the decoder should write.
    case text([Int32])
}
