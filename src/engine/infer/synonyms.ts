/**
 * The words by which names of columns are known, folded as `names.ts` folds them: data, to be added to as files show more.
 */
import type { ColumnName } from '../../kernel/columns.ts';

/** How sure names are, from 0 to 1, and the names, separated by semicolons. */
type Names = readonly (readonly [fit: number, names: string])[];

export const NAMES: Readonly<Record<ColumnName, Names>> = {
  external_ref: [
    [
      1,
      'external ref; contrato; numero contrato; codigo contrato; titulo; numero titulo; nosso numero; ' +
        'referencia; codigo divida; codigo externo; codigo titulo; chave',
    ],
    [
      0.8,
      'codigo; numero; operacao; numero operacao; fatura; numero fatura; duplicata; numero duplicata; ' +
        'nota fiscal; processo; pedido; codigo pedido; seu numero; contract; reference; numero documento; ' +
        'documento titulo; boleto; conta contrato; instalacao; matricula; codigo operacao; codigo referencia; ' +
        'codigo debito',
    ],
    [0.5, 'documento; conta; numero conta; codigo cliente; registro'],
  ],
  debtor_name: [
    [
      1,
      'debtor name; nome; nome devedor; devedor; nome cliente; nome completo; razao social; sacado; ' +
        'nome sacado; pagador; nome pagador; nome razao social; cliente nome; nome titular; nome consumidor; ' +
        'consumidor; mutuario; name; nome mutuario; nome aluno; nome responsavel',
    ],
    [
      0.8,
      'cliente; titular; responsavel; aluno; debtor; customer; favorecido; contribuinte; inquilino; assinante; ' +
        'nome contribuinte',
    ],
  ],
  cpf: [
    [
      1,
      'cpf; cpf cnpj; cnpj cpf; cnpj; cpf devedor; cpf cliente; cpf titular; numero cpf; cpf cnpj devedor; ' +
        'cpf cnpj cliente; documento devedor; cpf cgc; cgc cpf; cpf sacado; cpf pagador; cnpj devedor; ' +
        'cnpj cpf devedor; documento cliente; cic',
    ],
    [
      0.8,
      'documento; numero documento; inscricao; numero inscricao; cpf responsavel; cpfcnpj; cnpjcpf; ' + 'documento cpf',
    ],
  ],
  amount: [
    [1, 'amount; valor; valor divida; saldo devedor; valor titulo; valor debito; valor aberto; valor devido'],
    [
      0.9,
      'saldo; valor original; valor principal; valor total; montante; debito; valor fatura; valor parcela; ' +
        'valor saldo; valor nominal; valor documento; valor cobranca; valor contrato; valor boleto',
    ],
    [0.8, 'total; principal; valor atualizado; valor atual; valor corrigido; valor prestacao; valor r'],
    [0.5, 'divida'],
  ],
  due_date: [
    [
      1,
      'due date; vencimento; data vencimento; data vencimento titulo; vencimento titulo; vencimento original; ' +
        'data vencimento original; vencimento parcela',
    ],
    [0.5, 'data; data divida; data debito; data atraso; inadimplente desde'],
  ],
  debtor_email: [
    [
      1,
      'debtor email; email; e email; correio eletronico; email devedor; email cliente; endereco email; ' +
        'endereco eletronico',
    ],
  ],
  debtor_phone: [
    [
      1,
      'debtor phone; telefone; celular; telefone celular; telefone devedor; telefone cliente; phone; whatsapp; ' +
        'numero telefone; telefone 1; celular 1; telefone1; ddd telefone',
    ],
    [0.7, 'contato; telefone contato; telefone residencial; telefone principal; telefone fixo; telefone comercial'],
  ],
  creditor_name: [
    [
      1,
      'creditor name; credor; nome credor; cedente; nome cedente; credor original; beneficiario; ' +
        'nome beneficiario',
    ],
    [0.8, 'empresa; nome empresa; loja; banco; nome fantasia; creditor; instituicao; contratante; unidade; filial'],
  ],
  account_type: [
    [
      1,
      'account type; tipo conta; tipo divida; produto; tipo produto; modalidade; tipo contrato; natureza; ' +
        'tipo debito; nome produto',
    ],
    [
      0.8,
      'tipo; categoria; especie; servico; carteira; segmento; descricao produto; tipo titulo; tipo operacao; ' +
        'descricao',
    ],
  ],
  installment: [
    [
      1,
      'installment; parcela; numero parcela; prestacao; numero prestacao; parcelas; parcela numero; ' + 'parcela total',
    ],
  ],
};

/** Words that make a name mean something else, whatever stands beside them. */
export const FOREIGN_WORDS =
  'emissao cadastro nascimento nasc pagamento pagto baixa inclusao geracao compra venda contratacao ' +
  'atualizacao ajuizamento juros multa mora desconto abatimento taxa honorarios custas iof pago recebido ' +
  'encargos correcao limite entrada endereco logradouro rua bairro cidade municipio uf estado cep complemento ' +
  'pais address city rg sexo genero profissao mae pai pessoa conjuge avalista fiador renda pis observacao obs ' +
  'comentario situacao status dias agencia vendedor usuario assessoria score rating';
