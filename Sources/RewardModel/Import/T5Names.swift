/// What T5's tensors are called in Hugging Face checkpoints, and how their output layer is tied.
struct T5Names {
    let checkpoint: Checkpoint
    /// Before every name: empty in a T5 checkpoint, `t5.` inside another model.
    let prefix: String

    /// Names of the embedding table; checkpoints hold it once or several times.
    var tables: [String] { ["shared", "encoder.embed_tokens", "decoder.embed_tokens"].map { "\(prefix)\($0).weight" } }
    private var outputLayer: String { "\(prefix)lm_head.weight" }

    /// Names that one of our `t5.…` tensors may have.
    ///
    /// - Parameter outputIsTable: true when the output layer is stored only as the embedding table.
    func names(_ ours: String, outputIsTable: Bool) -> [String] {
        let own = prefix + ours.dropFirst("t5.".count)
        switch ours {
        case "t5.shared.weight": return tables + [outputLayer]
        case "t5.lm_head.weight": return outputIsTable ? [own] + tables : [own]
        default: return [own]
        }
    }

    /// Tensors of a T5 that hold nothing new: copies of the table, and a bias that no version reads.
    func isUnused(_ name: String, hasOwnOutputLayer: Bool) -> Bool {
        tables.contains(name) || (name == outputLayer && !hasOwnOutputLayer)
            || name == "\(prefix)decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    }

    /// True when there is an output layer that differs from the embedding table.
    ///
    /// - Throws: `ImportError.unsupported` when the copies of the table differ.
    func hasOwnOutputLayer() throws(ImportError) -> Bool {
        let present = tables.filter { checkpoint.tensors[$0] != nil }
        guard let first = present.first, let table = checkpoint.tensors[first] else { return false }
        for name in present.dropFirst() {
            guard let copy = checkpoint.tensors[name], copy.hasSameValues(as: table) else {
                throw .unsupported(path: checkpoint.path, reason: "\(name) differs from \(first)")
            }
        }
        guard let output = checkpoint.tensors[outputLayer] else { return false }
        return !output.hasSameValues(as: table)
    }

    var hasDecoder: Bool { checkpoint.tensors.keys.contains { $0.hasPrefix("\(prefix)decoder.block.") } }
}
