import Charts
import Testing

@Suite struct TableTests {
  let single = Table(
    rowHeader: "method",
    columns: [
      .init("silhouette", higherIsBetter: true), .init("compactness", higherIsBetter: false),
      .init("iterations", higherIsBetter: nil),
    ],
    rows: [
      .init("seq_sort", [.init([0.2431]), .init([0.13841]), .init([7])]),
      .init("rotation", [.init([0.2442]), .init([0.13812]), .init([9])]),
      .init("R&D|x", [.init([]), .init([-0.0001]), .init([8])]),
    ])

  @Test("Markdown shows the better direction and the best in bold")
  func markdown() {
    var table = single
    table.rows[2].cells[1] = Table.Cell([0.2])
    #expect(
      table.markdown == """
        | method | silhouette ↑ | compactness ↓ | iterations |
        | --- | ---: | ---: | ---: |
        | seq\\_sort | 0.243 | **0.138** | 7.000 |
        | rotation | **0.244** | **0.138** | 9.000 |
        | R&D\\|x | – | 0.200 | 8.000 |

        """)
  }

  @Test("LaTeX uses the rules of booktabs and escapes what LaTeX reads")
  func latex() {
    #expect(
      single.latex == """
        % needs \\usepackage{booktabs}
        \\begin{tabular}{lrrr}
          \\toprule
          method & silhouette $\\uparrow$ & compactness $\\downarrow$ & iterations \\\\
          \\midrule
          seq\\_sort & 0.243 & 0.138 & 7.000 \\\\
          rotation & \\textbf{0.244} & 0.138 & 9.000 \\\\
          R\\&D|x & -- & \\textbf{0.000} & 8.000 \\\\
          \\bottomrule
        \\end{tabular}

        """)
  }

  @Test("CSV has full precision, and an empty cell where there is no value")
  func csv() {
    #expect(
      single.csv == """
        method,silhouette,compactness,iterations
        seq_sort,0.2431,0.13841,7.0
        rotation,0.2442,0.13812,9.0
        R&D|x,,-0.0001,8.0

        """)
  }

  @Test("several values of a cell are their mean ± sample deviation, with how many there are")
  func means() {
    let table = Table(
      rowHeader: "method",
      columns: [.init("f1", higherIsBetter: true), .init("loss", higherIsBetter: false)],
      rows: [
        .init("a", [.init([0.25, 0.75]), .init([1])]),
        .init("b", [.init([0.5, 0.5]), .init([1, 3])]),
      ], digits: 2)
    #expect(table.text(row: 0, column: 0) == "0.50 ± 0.35")
    #expect(table.text(row: 0, column: 1) == "1.00 (n = 1)")
    #expect(
      table.markdown == """
        | method | f1 ↑ | loss ↓ | n |
        | --- | ---: | ---: | ---: |
        | a | 0.50 ± 0.35 | **1.00 (n = 1)** | 2 |
        | b | 0.50 ± 0.00 | 2.00 ± 1.41 | 2 |

        """)
    #expect(
      table.csv == """
        method,f1,f1_sd,f1_n,loss,loss_sd,loss_n
        a,0.5,0.3535533905932738,2,1.0,,1
        b,0.5,0.0,2,2.0,1.4142135623730951,2

        """)
    #expect(table.latex.contains("0.50 $\\pm$ 0.35"))
  }
}
