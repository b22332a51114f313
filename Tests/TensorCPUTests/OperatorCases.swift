import TensorCPU
import TensorGraph
import Testing

/// One operator at one shape: how to build it from float inputs. The same case is run for its value, its gradient, its
/// bits at several thread counts, and its time.
struct OperatorCase: CustomTestStringConvertible, Sendable {
    var name: String
    /// Shapes of the float inputs, differentiated one by one.
    var inputs: [Shape]
    /// Inputs that have a gradient rule. Nil means all.
    var differentiable: [Int]?
    var build: @Sendable (inout Graph, [Tensor]) -> Tensor

    var testDescription: String { name }

    static let all: [OperatorCase] =
        products + attentions + convolutions + winograd + elementwise + losses + shapes + poolings

    static let products: [OperatorCase] = [(1, 1, 1), (1, 7, 3), (5, 17, 33), (50, 65, 16)].flatMap { m, k, n in
        [
            OperatorCase(name: "linear \(m)×\(k)×\(n)", inputs: [[m, k], [n, k], [n]]) {
                $0.linear($1[0], $1[1], bias: $1[2])
            },
            OperatorCase(
                name: "linear, activation and residual fused \(m)×\(k)×\(n)", inputs: [[m, k], [n, k], [m, n]]
            ) {
                let product = $0.linear($1[0], $1[1])
                return $0.add($0.activation(product, .geluTanh), $1[2])
            },
            OperatorCase(name: "transposed linear \(m)×\(n)×\(k)", inputs: [[m, n], [n, k]]) {
                $0.linearTransposed($1[0], $1[1])
            },
        ]
    }

    static let attentions: [OperatorCase] = [
        (1, 1, 1, 1, 1), (1, 1, 1, 1, 4), (1, 1, 7, 2, 3), (2, 5, 3, 2, 8), (3, 4, 1, 2, 5), (1, 30, 9, 3, 5),
    ].flatMap {
        batch, queries, keys, heads, d in
        let (q, k) = (Shape([batch, queries, heads * d]), Shape([batch, keys, heads * d]))
        return [
            OperatorCase(name: "attention \(q) over \(k)", inputs: [q, k, k]) {
                $0.attention(query: $1[0], key: $1[1], value: $1[2], heads: heads, scale: 0.5)
            },
            OperatorCase(
                name: "attention with bias and key counts \(q) over \(k)", inputs: [q, k, k, [heads, queries, keys]],
                differentiable: [0, 1, 2, 3]
            ) {
                let counts = (0..<batch).map { Int32(max(1, keys - 1 - $0)) }
                let counted = $0.constant(counts, [batch])
                return $0.attention(
                    query: $1[0], key: $1[1], value: $1[2], heads: heads, scale: 0.3, bias: $1[3], keyCounts: counted)
            },
        ]
    }

    /// Height, width, channels in and out, kernel, stride.
    static let convolutions: [OperatorCase] = [
        (1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 3, 1), (1, 1, 3, 2, 5, 1), (2, 3, 1, 1, 7, 1), (4, 3, 2, 5, 3, 1),
        (5, 5, 3, 17, 2, 1), (6, 4, 3, 2, 3, 2),
        (5, 3, 1, 4, 4, 2), (7, 5, 2, 1, 3, 3),
        (40, 37, 3, 9, 3, 2), (50, 48, 2, 3, 3, 1),
    ].flatMap { h, w, i, o, k, s in
        [
            OperatorCase(
                name: "convolution \(h)×\(w)×\(i) to \(o), kernel \(k), stride \(s)",
                inputs: [[2, h, w, i], [o, i, k, k], [o]]
            ) { $0.convolution($1[0], $1[1], bias: $1[2], stride: s) },
            OperatorCase(
                name: "transposed convolution \(h)×\(w)×\(i) to \(o), kernel \(k)",
                inputs: [[2, h, w, i], [i, o, k, k], [o]]
            ) {
                $0.transposedConvolution(
                    $1[0], $1[1], bias: $1[2], stride: 2, padding: k / 2, outputSize: (2 * h, 2 * w))
            },
        ]
    }

    /// Channels enough for Winograd's transform: maps of less than a tile, of whole tiles, with a rest; paddings that are
    /// not the usual one. Height, width, channels in and out, padding.
    private static let winogradSizes: [(Int, Int, Int, Int, Int)] = [
        (1, 1, 16, 3, 1), (4, 4, 16, 1, 1), (5, 3, 17, 20, 1), (9, 6, 33, 18, 0), (6, 7, 16, 2, 2), (14, 11, 16, 17, 1),
    ]

    static let winograd: [OperatorCase] = winogradSizes.flatMap { h, w, i, o, padding in
        [winogradCase(h, w, i, o, padding), transposedWinogradCase(h, w, i, o, min(padding, 1))]
    }

    private static func winogradCase(_ h: Int, _ w: Int, _ i: Int, _ o: Int, _ padding: Int) -> OperatorCase {
        let size = (height: h + 2 * padding - 2, width: w + 2 * padding - 2)
        return OperatorCase(
            name: "convolution \(h)×\(w)×\(i) to \(o), kernel 3, padding \(padding)",
            inputs: [[2, h, w, i], [o, i, 3, 3], [o]]
        ) { $0.convolution($1[0], $1[1], bias: $1[2], padding: padding, outputSize: size) }
    }

    private static func transposedWinogradCase(_ h: Int, _ w: Int, _ i: Int, _ o: Int, _ padding: Int) -> OperatorCase {
        let size = (height: h + 2 - 2 * padding, width: w + 2 - 2 * padding)
        return OperatorCase(
            name: "transposed convolution \(h)×\(w)×\(i) to \(o), stride 1, padding \(padding), fused",
            inputs: [[2, h, w, i], [i, o, 3, 3], [o], [2, size.height, size.width, o]]
        ) {
            let product = $0.transposedConvolution(
                $1[0], $1[1], bias: $1[2], stride: 1, padding: padding, outputSize: size)
            let active = $0.activation(product, .geluTanh)
            return $0.add(active, $1[3])
        }
    }

    static let elementwise: [OperatorCase] =
        [Shape([1, 1]), Shape([3, 5]), Shape([2, 3, 19])].flatMap { shape in
            let row = Shape([shape.last])
            // A layer norm over one channel is constant: its gradient is zero and tests nothing.
            let norms: [OperatorCase] =
                shape.last == 1
                ? []
                : [
                    OperatorCase(name: "layer norm \(shape)", inputs: [shape, row, row]) {
                        $0.norm($1[0], .layer, epsilon: 1e-5, scale: $1[1], shift: $1[2])
                    },
                    OperatorCase(name: "RMS norm \(shape)", inputs: [shape, row]) {
                        $0.norm($1[0], .rms, epsilon: 1e-5, scale: $1[1])
                    },
                ]
            let activations = Activation.allCases.map { kind in
                OperatorCase(name: "\(kind) \(shape)", inputs: [shape]) { $0.activation($1[0], kind) }
            }
            return norms + activations + [
                OperatorCase(name: "add a row to \(shape)", inputs: [shape, row]) { $0.add($1[0], $1[1]) },
                OperatorCase(name: "multiply \(shape)", inputs: [shape, shape]) { $0.multiply($1[0], $1[1]) },
                OperatorCase(name: "multiply \(shape) by a row", inputs: [shape, row]) { $0.multiply($1[0], $1[1]) },
                OperatorCase(name: "affine \(shape)", inputs: [shape]) { $0.affine($1[0], factor: -2, offset: 3) },
            ]
        }

    static let losses: [OperatorCase] = [(1, 2), (3, 7), (4, 40)].flatMap { rows, classes in
        [
            OperatorCase(name: "cross-entropy of \(rows) rows of \(classes)", inputs: [[rows, classes]]) {
                let targets = (0..<rows).map { Int32($0 * 5 % classes) }
                return $0.crossEntropy($1[0], classes: $0.constant(targets, [rows]))
            },
            OperatorCase(name: "reciprocal of \(rows)×\(classes)", inputs: [[rows, classes]]) {
                // Away from zero, where it has none.
                let positive = $0.affine($1[0], factor: 0.5, offset: 2)
                return $0.reciprocal(positive)
            },
        ]
    }

    /// Items, positions, channels, how many of the largest.
    static let poolings: [OperatorCase] = [
        (1, 1, 1, 1), (2, 7, 3, 1), (3, 9, 5, 4), (2, 40, 1, 3), (2, 6, 17, 6),
    ].map { items, positions, channels, count in
        OperatorCase(
            name: "mean of the top \(count) of \(positions), \(items) × \(channels)",
            inputs: [[items, positions, channels]]
        ) { $0.topMean($1[0], count: count) }
    }

    static let shapes: [OperatorCase] = [
        OperatorCase(name: "transpose", inputs: [[2, 3, 4, 5]]) { $0.transpose($1[0], [0, 3, 1, 2]) },
        OperatorCase(name: "transpose of reshaped", inputs: [[6, 4]]) {
            let tiles = $0.reshape($1[0], [2, 3, 4])
            return $0.transpose(tiles, [2, 0, 1])
        },
        OperatorCase(name: "slice", inputs: [[2, 5, 3]]) { $0.slice($1[0], axis: 1, 1..<4) },
        OperatorCase(name: "pad", inputs: [[2, 3]]) { $0.pad($1[0], axis: 0, before: 2, after: 1) },
        OperatorCase(name: "concatenate", inputs: [[2, 1, 3], [2, 4, 3]]) { $0.concatenate([$1[0], $1[1]], axis: 1) },
        OperatorCase(name: "broadcast", inputs: [[3, 2]]) { $0.broadcast($1[0], leading: [4]) },
        OperatorCase(name: "sum over leading axes", inputs: [[4, 2, 3]]) { $0.sumLeading($1[0], to: [2, 3]) },
        OperatorCase(name: "sum of many rows", inputs: [[700, 31]]) { $0.sumLeading($1[0], to: [31]) },
        OperatorCase(name: "transpose of one element", inputs: [[1, 1]]) { $0.transpose($1[0], [1, 0]) },
        OperatorCase(name: "slice of one row", inputs: [[3, 1, 2]]) { $0.slice($1[0], axis: 0, 2..<3) },
        OperatorCase(name: "pad of the last axis", inputs: [[2, 2]]) { $0.pad($1[0], axis: 1, before: 0, after: 3) },
        OperatorCase(name: "concatenation of one, of three", inputs: [[2, 1], [2, 2], [2, 1]]) {
            let one = $0.concatenate([$1[0]], axis: 1)
            return $0.concatenate([one, $1[1], $1[2]], axis: 1)
        },
        OperatorCase(name: "reshape", inputs: [[4, 3]]) {
            let doubled = $0.affine($1[0], factor: 2)
            return $0.reshape(doubled, [2, 6])
        },
        OperatorCase(name: "sum of everything but one channel", inputs: [[2, 3, 1]]) { $0.sumLeading($1[0], to: [1]) },
        OperatorCase(name: "embedding", inputs: [[5, 3]]) {
            let indices = $0.constant([4, 0, 4, 1] as [Int32], [2, 2])
            return $0.embedding($1[0], indices)
        },
        OperatorCase(name: "embedding of one column", inputs: [[2, 1]]) {
            let indices = $0.constant([1, 1, 0] as [Int32], [3])
            return $0.embedding($1[0], indices)
        },
        OperatorCase(name: "append to a cache", inputs: [[2, 4, 3], [2, 1, 3]], differentiable: []) {
            let position = $0.constant([2] as [Int32], [1])
            return $0.append($1[1], to: $1[0], at: position)
        },
        OperatorCase(name: "append to a cache of one step", inputs: [[1, 1, 1], [1, 1, 1]], differentiable: []) {
            let position = $0.constant([0] as [Int32], [1])
            return $0.append($1[1], to: $1[0], at: position)
        },
    ]

    /// Shapes of the paper's model, for their times only.
    static let paperSized: [OperatorCase] = [
        OperatorCase(name: "linear 197×768 to 3072", inputs: [[197, 768], [3072, 768], [3072]], differentiable: [0]) {
            let product = $0.linear($1[0], $1[1], bias: $1[2])
            return $0.activation(product, .gelu)
        },
        OperatorCase(name: "linear 197×3072 to 768", inputs: [[197, 3072], [768, 3072], [768]], differentiable: [0]) {
            $0.linear($1[0], $1[1], bias: $1[2])
        },
        OperatorCase(
            name: "attention, 12 heads, 197 tokens", inputs: [[1, 197, 768], [1, 197, 768], [1, 197, 768]]
        ) { $0.attention(query: $1[0], key: $1[1], value: $1[2], heads: 12, scale: 0.125) },
        OperatorCase(name: "layer norm [197, 768]", inputs: [[197, 768], [768], [768]], differentiable: [0]) {
            $0.norm($1[0], .layer, epsilon: 1e-6, scale: $1[1], shift: $1[2])
        },
        OperatorCase(name: "RMS norm [229, 768]", inputs: [[229, 768], [768]], differentiable: [0]) {
            $0.norm($1[0], .rms, epsilon: 1e-6, scale: $1[1])
        },
        OperatorCase(
            name: "convolution 14×14×768 to 384, kernel 2", inputs: [[1, 14, 14, 768], [384, 768, 2, 2], [384]],
            differentiable: [0]
        ) { $0.convolution($1[0], $1[1], bias: $1[2]) },
        OperatorCase(
            name: "convolution 224×224×192 to 192, kernel 3", inputs: [[1, 224, 224, 192], [192, 192, 3, 3], [192]],
            differentiable: [0]
        ) { $0.convolution($1[0], $1[1], bias: $1[2]) },
        OperatorCase(
            name: "transposed convolution 112×112×384 to 192, kernel 3",
            inputs: [[1, 112, 112, 384], [384, 192, 3, 3], [192]],
            differentiable: [0]
        ) { $0.transposedConvolution($1[0], $1[1], bias: $1[2], stride: 2, padding: 1, outputSize: (224, 224)) },
        OperatorCase(name: "transpose [12, 197, 64]", inputs: [[12, 197, 64]]) { $0.transpose($1[0], [1, 0, 2]) },
    ]
}
